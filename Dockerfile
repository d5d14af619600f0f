# Build: docker build -t kiwoom-billing .
# Run:   docker run --env-file .env -p 3000:3000 kiwoom-billing   (or `docker compose up`)

FROM rust:1.95-bookworm AS build
WORKDIR /build
COPY . .
# The caches outlive a change of any file, so that only what changed is compiled again. They are
# no part of the image, hence the copy.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/build/target \
    cargo build --release --locked --bin kiwoom-billing \
    && cp target/release/kiwoom-billing /usr/local/bin/kiwoom-billing \
    && mkdir /data

# Has the C library, the certificates that https needs and no shell; runs as user 65532.
FROM gcr.io/distroless/cc-debian12:nonroot
COPY --from=build /usr/local/bin/kiwoom-billing /usr/local/bin/kiwoom-billing
COPY --from=build --chown=65532:65532 /data /data
ENV APP_ENV=production \
    HOST=0.0.0.0 \
    PORT=3000 \
    DATA_DIR=/data
WORKDIR /data
# Also where another tag of the base image says otherwise.
USER 65532:65532
EXPOSE 3000
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s --retries=3 \
    CMD ["/usr/local/bin/kiwoom-billing", "health"]
ENTRYPOINT ["/usr/local/bin/kiwoom-billing"]
