# The bot alone: no playground, no tests, no compiler, no root.

FROM python:3.11-slim AS builder
WORKDIR /build
RUN python -m venv /opt/signoff
COPY requirements.lock ./
RUN /opt/signoff/bin/python -m pip install --no-cache-dir --require-hashes --requirement requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY agents ./agents
COPY bot ./bot
COPY policies ./policies
COPY tools ./tools
RUN /opt/signoff/bin/python -m pip install --no-cache-dir --no-deps --no-build-isolation .

FROM python:3.11-slim
RUN useradd --system --uid 10001 --home-dir /data --no-create-home signoff \
 && mkdir /data \
 && chown signoff /data
COPY --from=builder /opt/signoff /opt/signoff
ENV PATH=/opt/signoff/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    DATABASE_URL=sqlite+aiosqlite:////data/signoff.db \
    SIGNOFF_HOST=0.0.0.0 \
    SIGNOFF_PORT=8080
USER signoff
WORKDIR /data
VOLUME /data
EXPOSE 8080
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s \
  CMD ["python", "-c", "import os, urllib.request; urllib.request.urlopen('http://127.0.0.1:' + os.environ['SIGNOFF_PORT'] + '/healthz', timeout=4)"]
CMD ["signoff", "run"]
