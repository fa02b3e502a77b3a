# Targets: `cpu` (the default) and `gpu`. Neither contains torch, pip, models or secrets.
#
# The base is pinned by tag. Where a registry can be reached, pin it by digest as well:
#   docker build --build-arg PYTHON=python:3.11-slim@sha256:<digest> .
ARG PYTHON=python:3.11-slim


# The locked libraries, in a virtual environment without pip (the image's own pip fills it).
FROM ${PYTHON} AS libraries
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
RUN python -m venv --without-pip /opt/venv
WORKDIR /build
COPY requirements/serve.txt requirements/
RUN --mount=type=cache,target=/root/.cache/pip \
    pip --python /opt/venv/bin/python install --require-hashes --no-deps --only-binary :all: \
        -r requirements/serve.txt


# Thalamus itself, apart from the libraries: a change of the code makes a layer of kilobytes.
# `thalamus-train` goes, because its package is not in the image. The bytecode names the files
# where they will be; nothing checks its age, since nothing can change in a read-only image.
FROM libraries AS project
COPY pyproject.toml LICENSE ./
COPY app app
RUN pip --python /opt/venv/bin/python install --no-deps --no-build-isolation --no-cache-dir \
        --no-compile --prefix /project . \
    && rm /project/bin/thalamus-train \
    && python -m compileall -q --invalidation-mode unchecked-hash -s /project -p /opt/venv /project


# Without a GPU, ONNX Runtime's CUDA and TensorRT providers (272 MB) would never be loaded.
FROM libraries AS libraries-cpu
RUN rm /opt/venv/lib/python3.11/site-packages/onnxruntime/capi/libonnxruntime_providers_cuda.so \
       /opt/venv/lib/python3.11/site-packages/onnxruntime/capi/libonnxruntime_providers_tensorrt.so \
    && pip --python /opt/venv/bin/python uninstall --yes setuptools


# CUDA 13 and cuDNN come as NVIDIA's wheels, locked like the rest, and app/runtime/session.py
# loads them with onnxruntime.preload_dlls(). So both targets share one small base, and the
# libraries are those that this ONNX Runtime was built for. The driver comes from the host.
FROM libraries AS libraries-gpu
COPY requirements/cuda.txt requirements/
RUN --mount=type=cache,target=/root/.cache/pip \
    pip --python /opt/venv/bin/python install --require-hashes --no-deps --only-binary :all: \
        -r requirements/cuda.txt \
    && pip --python /opt/venv/bin/python uninstall --yes setuptools


# What both targets share. soundfile's wheel carries libsndfile: no apt packages are needed.
FROM ${PYTHON} AS runtime
ARG VERSION=0.4.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="thalamus" \
      org.opencontainers.image.description="HTTP classifier for images, text and audio" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
RUN groupadd --gid 65532 thalamus \
    && useradd --uid 65532 --gid 65532 --key UID_MAX=65532 --no-log-init --no-create-home \
        --home-dir /nonexistent --shell /usr/sbin/nologin thalamus \
    && mkdir /models
# Bundles are data with a life of their own: mount them at /models, read-only. To ship some in
# an image, derive one: FROM thalamus:cpu, COPY models /models.
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    ORT_DISABLE_TELEMETRY=1 \
    THALAMUS_HOST=0.0.0.0 \
    THALAMUS_PORT=8000 \
    THALAMUS_MODELS=/models
EXPOSE 8000
USER 65532:65532
STOPSIGNAL SIGTERM
# Until the first golden cases passed /readyz answers 503, which the start period forgives; what
# takes longer is reported as unhealthy until it is ready. http.client ignores HTTP_PROXY.
HEALTHCHECK --interval=10s --timeout=5s --start-period=120s --retries=3 \
    CMD ["python", "-I", "-c", "import http.client, os, sys; probe = http.client.HTTPConnection('127.0.0.1', int(os.environ['THALAMUS_PORT']), timeout=4); probe.request('GET', '/readyz'); sys.exit(probe.getresponse().status != 200)"]
ENTRYPOINT ["thalamus"]
CMD ["serve"]


FROM runtime AS gpu
# The container runtime mounts the driver's compute part and nvidia-smi. Which GPUs are seen is
# left to `--gpus`, compose or Kubernetes: an image that says "all" would take every one.
ENV NVIDIA_DRIVER_CAPABILITIES=compute,utility \
    THALAMUS_DEVICE=cuda
COPY --from=libraries-gpu /opt/venv /opt/venv
COPY --from=project /project /opt/venv


FROM runtime AS cpu
ENV THALAMUS_DEVICE=cpu
COPY --from=libraries-cpu /opt/venv /opt/venv
COPY --from=project /project /opt/venv
