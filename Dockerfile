# The portal for production: wheels are built in one stage, the other holds only what runs.
FROM python:3.12-slim AS wheels
WORKDIR /build
# With Redis' packages, so that TASKS_BACKEND alone decides.
COPY requirements-redis.txt ./
RUN pip wheel --no-cache-dir --require-hashes --wheel-dir /wheels -r requirements-redis.txt

FROM python:3.12-slim
ENV PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    PORTAL_ENV=production \
    PORTAL_DATA_DIR=/data \
    PORTAL_BIND=0.0.0.0:8000 \
    STATIC_ROOT=/srv/static
RUN groupadd --system --gid 10001 portal \
    && useradd --system --uid 10001 --gid 10001 --no-create-home --shell /usr/sbin/nologin portal \
    && install -d -o portal -g portal -m 0700 /data
RUN --mount=type=bind,from=wheels,source=/wheels,target=/wheels \
    pip install --no-cache-dir --no-index --find-links=/wheels /wheels/*.whl
WORKDIR /srv/portal
COPY manage.py ./
COPY provisioning ./provisioning
COPY portal ./portal
COPY templates ./templates
COPY static ./static
# Static files are collected and compressed now; the keys exist for this one command and are thrown away.
RUN export SECRET_KEY="$(python -c 'import secrets; print(secrets.token_urlsafe(50))')" \
    && export PORTAL_ENCRYPTION_KEYS="build:$(python -c 'import base64, os; print(base64.b64encode(os.urandom(32)).decode())')" \
    && export PORTAL_AUDIT_KEYS="build:$(python -c 'import base64, os; print(base64.b64encode(os.urandom(32)).decode())')" \
    && export ALLOWED_HOSTS=localhost \
    && python manage.py collectstatic --noinput --verbosity 0
# What pages, log and /healthz/ready call this version: docker build --build-arg VERSION=…
ARG VERSION=""
ENV PORTAL_VERSION=$VERSION
LABEL org.opencontainers.image.title="Provisioning Portal" \
    org.opencontainers.image.version=$VERSION
# A number: orchestrators that insist on runAsNonRoot cannot look a name up.
USER 10001:10001
VOLUME /data
EXPOSE 8000
# Asked as the proxy in front asks. 127.0.0.1 belongs into ALLOWED_HOSTS for it.
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s --retries=3 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/healthz/ready', timeout=4)"]
CMD ["gunicorn", "-c", "python:portal.serving", "portal.wsgi"]
