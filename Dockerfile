# syntax=docker/dockerfile:1

# To pin the base images, pass them by digest: --build-arg GO_IMAGE=golang@sha256:... --build-arg BASE_IMAGE=debian@sha256:...
ARG GO_IMAGE=golang:1.26-bookworm
ARG BASE_IMAGE=debian:bookworm-slim

FROM ${GO_IMAGE} AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY server ./server
COPY rpc ./rpc
COPY bridge ./bridge
COPY transports ./transports
ARG VERSION=dev
# The SQLite driver is C; the runtime image has the same C library as this one.
RUN CGO_ENABLED=1 go build -buildvcs=false -trimpath -buildmode=pie -ldflags "-s -w -X main.version=${VERSION}" -o /out/waystation ./server

FROM ${BASE_IMAGE}
RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates tzdata \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --system --uid 10001 --user-group --home-dir /data --shell /usr/sbin/nologin waystation \
 && install -d -o waystation -g waystation -m 0700 /data
COPY --from=build /out/waystation /usr/local/bin/waystation
COPY LICENSE server/notices/third-party.txt /usr/share/doc/waystation/
USER 10001:10001
WORKDIR /data
VOLUME /data
# Reachable from outside the container, so it starts only with WAYSTATION_ADMIN_TOKEN or WAYSTATION_ADMIN_TOKEN_FILE.
ENV WAYSTATION_LISTEN=0.0.0.0:8480 \
    WAYSTATION_DATA_DIR=/data
EXPOSE 8480
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=6s --start-period=10s --retries=3 CMD ["waystation", "health"]
ENTRYPOINT ["waystation"]
