FROM python:3.12-slim

ENV PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_ROOT_USER_ACTION=ignore \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1

WORKDIR /app

# Dependencies first: this layer stays cached until a pin changes.
COPY requirements/run.txt requirements/run.txt
RUN pip install --require-hashes -r requirements/run.txt

COPY pyproject.toml README.md LICENSE ./
COPY pi_server pi_server
COPY plugins plugins
RUN pip install --no-deps --no-build-isolation . \
        ./plugins/sample_service ./plugins/account_withdrawal ./plugins/exchange_rates ./plugins/accounts \
    && useradd --system --uid 10001 --no-create-home pi \
    && install --directory --owner=pi --mode=0750 var

COPY config.yaml ./
USER pi
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8080/ping', timeout=2)"]

# Exec form: the server itself is process 1 and gets SIGTERM.
CMD ["pi-server", "run", "--host", "0.0.0.0"]
