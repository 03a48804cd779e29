# A worker, or any other command of Tierline: docker run tierline doctor
FROM python:3.11-slim-bookworm AS build
RUN apt-get update && apt-get install -y --no-install-recommends gcc libc6-dev && rm -rf /var/lib/apt/lists/*
WORKDIR /build
COPY requirements.lock ./
RUN python -m venv /opt/tierline \
 && /opt/tierline/bin/python -m pip install --no-cache-dir --require-hashes -r requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY examples/profiles examples/profiles
COPY examples/alerts examples/alerts
COPY ops/build_hook.py ops/compile.py ops/
COPY schemas schemas
COPY stream stream
RUN /opt/tierline/bin/python -m pip install --no-cache-dir --no-deps --no-build-isolation .

FROM python:3.11-slim-bookworm
RUN useradd --system --uid 10001 --create-home --home-dir /var/lib/tierline tierline
COPY --from=build /opt/tierline /opt/tierline
ENV PATH=/opt/tierline/bin:$PATH PYTHONUNBUFFERED=1
USER 10001
WORKDIR /var/lib/tierline
EXPOSE 6066
ENTRYPOINT ["tierline"]
CMD ["run"]
