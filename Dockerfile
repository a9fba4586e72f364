# The one binary, with the files that it reads. Build: docker build -t stationmaster .
FROM rust:1.95-slim-bookworm AS build
RUN apt-get update && apt-get install -y --no-install-recommends gcc g++ make cmake && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry --mount=type=cache,target=/src/target \
    cargo build --release --locked -p stationmaster && cp target/release/stationmaster /usr/local/bin/

FROM debian:bookworm-slim
# git and python3 are the local forge's (`doctor` asks for them); the certificates are for calls to the outside. The forge's
# directory is there so that a volume on it belongs to the user.
RUN apt-get update && apt-get install -y --no-install-recommends ca-certificates git python3 python3-venv && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --create-home --home-dir /var/lib/stationmaster stationmaster \
    && install --directory --owner=stationmaster /var/lib/stationmaster/forge
COPY --from=build /usr/local/bin/stationmaster /usr/local/bin/
COPY workflows /usr/share/stationmaster/workflows
COPY functions /usr/share/stationmaster/functions
COPY policies /usr/share/stationmaster/policies
COPY webhooks /usr/share/stationmaster/webhooks
USER stationmaster
WORKDIR /var/lib/stationmaster
ENV STATIONMASTER_HOME=/usr/share/stationmaster \
    STATIONMASTER_DATA=/var/lib/stationmaster \
    STATIONMASTER_LISTEN=0.0.0.0:8015
EXPOSE 8015
ENTRYPOINT ["stationmaster"]
CMD ["serve"]
