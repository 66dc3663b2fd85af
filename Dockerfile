# Noodle as a container: docs/deploy.md tells how to run it. NODE_TYPE=master is gateway and ops, NODE_TYPE=worker a worker.
#   docker build --tag noodle .

# The major version of the Node that package.json pins; a test holds them together.
ARG NODE_VERSION=24

FROM node:${NODE_VERSION}-bookworm-slim AS packages
# Only with --build-arg: a registry other than npm's own. It stays in this stage.
ARG NPM_CONFIG_REGISTRY
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
# No package's script is run: none that we use needs one. The image brings Node itself, and nothing that runs reads types, maps or the compiler.
RUN npm ci --omit=dev --ignore-scripts --no-audit --no-fund \
  && rm -rf node_modules/node-linux-* node_modules/typescript node_modules/@types node_modules/.bin node_modules/.package-lock.json \
  && find node_modules -type f \( -name '*.d.ts' -o -name '*.d.mts' -o -name '*.d.cts' -o -name '*.map' \) -delete

# The client programs without Perl, which Debian's package brings for wrappers around them: half of the image's own size.
FROM node:${NODE_VERSION}-bookworm-slim AS postgres
RUN apt-get update -q && apt-get install -yq --no-install-recommends postgresql-client \
  && mkdir /programs && cp /usr/lib/postgresql/*/bin/pg_dump /usr/lib/postgresql/*/bin/pg_restore /usr/lib/postgresql/*/bin/psql /programs/

FROM node:${NODE_VERSION}-bookworm-slim
# tini reaps what jobs leave behind and passes signals on; libpq, readline and liblz4 are for the client programs.
RUN apt-get update -q \
  && apt-get install -yq --no-install-recommends tini libpq5 libreadline8 liblz4-1 \
  && rm -rf /var/lib/apt/lists/* /var/cache/apt /var/log/apt /var/log/dpkg.log \
  && groupadd --gid 10001 noodle \
  && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /var/lib/noodle --shell /usr/sbin/nologin noodle \
  # Open to any user within, so that `--user` works; there is only one in a container.
  && install -d -m 1777 /var/lib/noodle /var/lib/noodle/blobs /var/lib/noodle/tmp
COPY --from=postgres /programs /usr/local/bin/
WORKDIR /app
COPY --from=packages /app/node_modules ./node_modules
COPY . .
# What Node compiles is kept for its user, so that a container starts sooner. Each process loads all that it is made of and then ends at its configuration. Only
# root may write it afterwards: nothing that a job does changes what starts next.
ENV NODE_COMPILE_CACHE=/app/.compiled
RUN install -d -o 10001 -g 10001 /app/.compiled \
  && for main in api/main.ts ops/main.ts ops/master.ts workers/main.ts; do for way in DATABASE_URL=- MASTER_HOST=-; do \
    ! setpriv --reuid 10001 --regid 10001 --clear-groups env LOG_LEVEL=- REDIS_URL=- "$way" node "$main" 2>/dev/null || exit 1; \
  done; done \
  && chown -R 0:0 /app/.compiled && chmod -R a+rX /app/.compiled && test -n "$(ls /app/.compiled)"

ENV NODE_ENV=production \
  PATH=/app/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
  HOME=/var/lib/noodle \
  TMPDIR=/var/lib/noodle/tmp \
  NOODLE_HOME=/var/lib/noodle/home \
  NOODLE_CONFIG_DIR=/app/config \
  BLOB_DIR=/var/lib/noodle/blobs \
  HOST=0.0.0.0 \
  PORT=8080 \
  METRICS_HOST=0.0.0.0 \
  METRICS_PORT=9100
# All that is written: blobs, and the scratch folders of jobs. The rest of the file system may be read-only.
VOLUME /var/lib/noodle
EXPOSE 8080 9100 50051
USER 10001:10001
HEALTHCHECK --interval=10s --timeout=8s --start-period=60s --retries=3 CMD ["/app/deploy/image/health"]
ENTRYPOINT ["tini", "--", "/app/deploy/image/start"]

# Last, for they change with each build.
ARG NODE_VERSION
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Noodle" \
  org.opencontainers.image.description="Self-hosted job platform: submit over REST, run on node tiers, capacity follows demand" \
  org.opencontainers.image.licenses="MIT" \
  org.opencontainers.image.version="${VERSION}" \
  org.opencontainers.image.revision="${REVISION}" \
  org.opencontainers.image.base.name="docker.io/library/node:${NODE_VERSION}-bookworm-slim"
