FROM python:3.12-slim-bookworm AS build

ENV PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_ROOT_USER_ACTION=ignore

WORKDIR /src
RUN python -m venv /opt/pi-server

# Dependencies first: this layer stays cached until a pin changes.
COPY requirements/run.txt requirements/run.txt
RUN /opt/pi-server/bin/pip install --require-hashes -r requirements/run.txt

COPY pyproject.toml README.md LICENSE ./
COPY pi_server pi_server
COPY plugins plugins
RUN /opt/pi-server/bin/pip install --no-deps --no-build-isolation . \
        ./plugins/sample_service ./plugins/account_withdrawal ./plugins/exchange_rates ./plugins/accounts

FROM python:3.12-slim-bookworm

LABEL org.opencontainers.image.title="pi-server" \
      org.opencontainers.image.licenses="Apache-2.0"

ENV PATH=/opt/pi-server/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1

RUN useradd --system --uid 10001 --no-create-home pi \
    && install --directory --owner=pi --mode=0750 /app/var

COPY --from=build /opt/pi-server /opt/pi-server
COPY config.yaml /app/config.yaml

WORKDIR /app
VOLUME /app/var
USER 10001
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8080/livez', timeout=2)"]

# Exec form: the server is process 1 and gets SIGTERM. How many workers there are, server.workers tells: `auto` would
# count the cores of the machine, and not those the container may use.
CMD ["pi-server", "run", "--host", "0.0.0.0"]
