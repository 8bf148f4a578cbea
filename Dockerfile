# AlexNet Demo as an image: see docs/deploy.md.
#   docker build -t alexnet-demo .                                     PyTorch for CPUs
#   docker build -t alexnet-demo --build-arg TORCH_BACKEND=cu130 .     with CUDA
FROM python:3.12-slim-bookworm

# uv knows where PyTorch keeps its builds; that for CPUs is a tenth as large.
ARG TORCH_BACKEND=cpu
ENV PYTHONUNBUFFERED=1

WORKDIR /app
COPY requirements.txt requirements-lock.txt ./
# hadolint ignore=DL3013
RUN pip install --no-cache-dir uv \
    && uv pip install --system --no-cache --torch-backend "$TORCH_BACKEND" \
        -r requirements.txt -c requirements-lock.txt

COPY . .
# What the app writes: runs and results, the unpacked dataset, one sprite of test images.
RUN useradd --create-home --uid 1000 demo \
    && mkdir -p runs \
    && chown -R demo:demo runs data/FashionMNIST/raw static
USER 1000

# It answers to localhost and to IP addresses; for a domain, -e STREAMLIT_SERVER_ALLOWED_HOSTS=NAME.
# Whoever reaches the port is a visitor, until you say otherwise: they upload images, not weights.
ENV ALEXNET_DEMO_PUBLIC=1 STREAMLIT_SERVER_MAX_UPLOAD_SIZE=25 \
    STREAMLIT_SERVER_ADDRESS=0.0.0.0 STREAMLIT_SERVER_HEADLESS=true
EXPOSE 8501
VOLUME /app/runs
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s \
    CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8501/_stcore/health', timeout=4)"]
CMD ["streamlit", "run", "app.py"]
