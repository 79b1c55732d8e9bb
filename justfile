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
