# syntax=docker/dockerfile:1

FROM golang:1.26-bookworm AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY server ./server
COPY rpc ./rpc
COPY bridge ./bridge
COPY transports ./transports
ARG VERSION=dev
# The SQLite driver is C; the runtime image has the same C library as this one.
RUN CGO_ENABLED=1 go build -buildvcs=false -trimpath -ldflags "-s -w -X main.version=${VERSION}" -o /out/waystation ./server

FROM debian:bookworm-slim
RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates tzdata \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --system --uid 10001 --user-group --home-dir /data --shell /usr/sbin/nologin waystation \
 && install -d -o waystation -g waystation -m 0700 /data
COPY --from=build /out/waystation /usr/local/bin/waystation
COPY LICENSE /usr/share/doc/waystation/LICENSE
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
