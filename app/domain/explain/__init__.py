"""Why a store refused a request, worked out from what is known of both."""
