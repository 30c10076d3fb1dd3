# The API, its worker and its migrations, without the embedded engines: requirements.txt alone, the packages
# whose hashes were tested. `docker build -t slipway .`

# Pinned to Python's minor version and Debian's release, for which requirements.txt has wheels.
# The newest patch releases of both, with their security fixes, come with each rebuild; for builds
# that repeat byte for byte pin a digest: --build-arg PYTHON=python:3.13-slim-trixie@sha256:…
ARG PYTHON=python:3.13-slim-trixie

FROM ${PYTHON} AS build
WORKDIR /srv/slipway
COPY requirements.txt ./
# Wheels only: nothing is compiled, so the image needs no compiler and runs no setup.py.
RUN python -m venv --without-pip /opt/venv \
    && python -m pip --python /opt/venv install --no-cache-dir --disable-pip-version-check \
        --require-hashes --only-binary :all: --requirement requirements.txt \
    && rm requirements.txt
COPY app ./app
COPY alembic ./alembic
COPY clients/js ./clients/js
COPY alembic.ini policies.example.toml ./
RUN python -m compileall -q app alembic

FROM ${PYTHON}
# The user owns nothing: whoever takes over the process cannot change the code.
RUN useradd --system --uid 10001 --user-group --no-create-home --home-dir /nonexistent \
        --shell /usr/sbin/nologin slipway
COPY --from=build /opt/venv /opt/venv
COPY --from=build /srv/slipway /srv/slipway
WORKDIR /srv/slipway
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    ENVIRONMENT=production \
    STORAGE_TYPE=s3 \
    HOST=0.0.0.0 \
    PORT=8000 \
    WORKER_PORT=8001
# By number, so that Kubernetes can tell that it is not root (runAsNonRoot).
USER 10001:10001
EXPOSE 8000 8001
STOPSIGNAL SIGTERM
# Not urllib: it would send the probe through HTTP_PROXY where one is set.
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "-c", "import http.client, os, sys; c = http.client.HTTPConnection('127.0.0.1', int(os.environ['PORT']), timeout=3); c.request('GET', '/healthz'); sys.exit(c.getresponse().status != 200)"]
CMD ["python", "-m", "app", "serve"]
