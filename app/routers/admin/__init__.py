"""What operators see of all owners together. Every route needs the scope `admin`."""

from app.routers.admin import files, health, jobs, owners, webhooks

FEATURES = (files, owners, webhooks, jobs, health)
