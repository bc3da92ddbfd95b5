# SPDX-License-Identifier: MIT
# The image: one static binary, the CA bundle, and a user without rights. Plain syntax only, so
# that every builder takes it: no RUN --mount, no `# syntax=` line.
FROM debian:trixie-slim AS builder
RUN apt-get update \
 && apt-get install -y --no-install-recommends \
      ca-certificates gcc libc6-dev libc-ares-dev libcrypt-dev libevent-dev libnghttp2-dev libssl-dev \
      libyaml-dev \
      libzstd-dev zlib1g-dev meson ninja-build pkg-config \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /source
COPY meson.build meson_options.txt ./
COPY include include
COPY src src
COPY tests tests
RUN meson setup /build --buildtype=release -Db_lto=true -Dstatic_pie=true \
 && meson compile -C /build hivedoor \
 && strip /build/src/hivedoor \
 && ! readelf --program-headers /build/src/hivedoor | grep -q INTERP
# Nothing of the builder's file system goes into the image but this tree.
RUN mkdir -p /image/etc/ssl/certs /image/etc/hivedoor \
 && cp /build/src/hivedoor /image/hivedoor \
 && cp -L /etc/ssl/certs/ca-certificates.crt /image/etc/ssl/certs/ \
 && echo 'hivedoor:x:65534:65534:hivedoor:/:/hivedoor' > /image/etc/passwd \
 && echo 'hivedoor:x:65534:' > /image/etc/group

FROM scratch
COPY --from=builder /image /
# OpenSSL's own default is the builder's folder, which is not here.
ENV SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt
USER 65534:65534
EXPOSE 80 443
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=5s --timeout=3s --start-period=10s --retries=3 CMD ["/hivedoor", "health"]
ENTRYPOINT ["/hivedoor"]
CMD ["run"]
