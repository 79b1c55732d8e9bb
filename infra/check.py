"""Holds everything in infra against the schemas of those who will read it, without any of them running.

Run by `just check-infra`, which brings the packages. What a tool is missing for is said, and not done: the list at the end
tells what was.
"""

import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

import yaml

INFRA = pathlib.Path(__file__).resolve().parent
BIN = pathlib.Path(sys.executable).parent
# What KEDA's scalers know, from their documentation: its schema lets any word through here.
SCALERS = {
    "nats-jetstream": {"natsServerMonitoringEndpoint", "account", "stream", "consumer", "lagThreshold"},
    "redis-streams": {"address", "stream", "streamLength"},
    "redis": {"address", "listName", "listLength"},
    "prometheus": {"serverAddress", "query", "threshold"},
}
wrong, done, left = [], [], []


def run(*command, **options):
    """What a command printed, or None where it failed, which is then said."""
    ended = subprocess.run(command, capture_output=True, text=True, cwd=INFRA, **options)
    if ended.returncode == 0:
        return ended.stdout
    wrong.append(" ".join(map(str, command)) + "\n" + ended.stdout + ended.stderr)
    return None


def check(what, held, why=""):
    if not held:
        wrong.append(f"{what} {why}".strip())


def files():
    run(BIN / "yamllint", "--strict", "--config-file", ".yamllint", ".")
    run(BIN / "shellcheck", "setup", "new-env")
    run(BIN / "hadolint", "Dockerfile")
    done.append("YAML, shell and Dockerfile linted")


def compose():
    """The files against the Compose specification; rendered where something here can do that."""
    run(BIN / "check-jsonschema", "--builtin-schema", "vendor.compose-spec", *INFRA.glob("compose*.yaml"))
    done.append("compose files fit the Compose specification")
    if shutil.which("docker") and subprocess.run(["docker", "compose", "version"], capture_output=True).returncode == 0:
        render = ["docker", "compose"]
    elif shutil.which("podman"):
        render = [BIN / "podman-compose"]
    else:
        left.append("compose files not rendered: neither docker compose nor podman is here")
        return
    env = dict(os.environ, **{name: "s3cr3t" for name in secrets()}, AWS_ACCESS_KEY_ID="camcount")
    for over in [None, "compose.redis.yaml", "compose.seaweedfs.yaml"]:
        given = ["-f", "compose.yaml"] + (["-f", over] if over else [])
        text = run(*render, *given, "config", env=env)
        if text is None:
            continue
        services = yaml.safe_load(text)["services"]
        for name, service in services.items():
            settings = service.get("environment") or {}
            if "DATABASE_URL" in settings and name != "migrate":
                without_nats = not settings.get("NATS_URL")
                check(f"{over}: {name}", without_nats == (over == "compose.redis.yaml"), "names the wrong broker")
        image = services["s3"]["image"]
        check(f"{over}: s3 is {image}", ("seaweedfs" in image) == (over == "compose.seaweedfs.yaml"))
    done.append(f"compose files rendered by {pathlib.Path(str(render[0])).name}")


def secrets():
    lines = (INFRA / ".env.example").read_text().splitlines()
    return [line.split("=")[0] for line in lines if line.endswith("=SECRET")]


def new_env():
    """What the first machine writes for itself and for others."""
    with tempfile.TemporaryDirectory() as folder:
        for name in ["new-env", ".env.example"]:
            shutil.copy(INFRA / name, folder)
        script = pathlib.Path(folder) / "new-env"
        run(script)
        written = dict(line.split("=", 1) for line in (script.parent / ".env").read_text().splitlines() if "=" in line and line[0] != "#")
        values = [written[name] for name in secrets()]
        check("new-env", all(len(value) == 64 for value in values) and len(set(values)) == len(values), "writes weak secrets")
        check("new-env", (script.parent / ".env").stat().st_mode & 0o077 == 0, "lets others read infra/.env")
        check("new-env", subprocess.run([script], capture_output=True).returncode != 0, "overwrites infra/.env")
        there = run(script, "10.0.0.1") or ""
        check("new-env ADDRESS", f"\nNATS_URL=nats://camcount:{written['NATS_PASSWORD']}@10.0.0.1:4222\n" in there)
        check("new-env ADDRESS", f"\nCAMCOUNT_SECRET_KEY={written['CAMCOUNT_SECRET_KEY']}\n" in there)
    done.append("new-env run")


def prometheus():
    """Configuration, rules and their stories; and the dashboards' questions, as if they were rules."""
    dashboard = json.loads((INFRA / "grafana/dashboards/camcount.json").read_text())
    panels = [panel for panel in dashboard["panels"] if panel["type"] != "row"]
    ids = [panel["id"] for panel in dashboard["panels"]]
    check("dashboard", len(ids) == len(set(ids)), "has two panels of one id")
    places = [(place["y"], place["x"]) for place in (panel["gridPos"] for panel in dashboard["panels"])]
    check("dashboard", len(places) == len(set(places)), "has two panels in one place")
    if not shutil.which("promtool"):
        left.append("Prometheus' files and the dashboard's questions not checked: promtool is not here (Debian: prometheus)")
        return
    questions = [target["expr"] for panel in panels for target in panel["targets"]]
    rules = [{"record": "asked", "expr": question, "labels": {"n": str(n)}} for n, question in enumerate(questions)]
    with tempfile.NamedTemporaryFile("w", suffix=".yml") as file:
        yaml.safe_dump({"groups": [{"name": "dashboard", "rules": rules}]}, file)
        file.flush()
        run("promtool", "check", "rules", file.name)
    run("promtool", "check", "config", "prometheus/prometheus.yml")
    run("promtool", "test", "rules", "prometheus/rules_test.yml")
    done.append(f"Prometheus' files checked, the stories of its rules told, {len(questions)} questions of the dashboard read")


def kubernetes():
    """Every folder that can be applied, rendered and held against Kubernetes' schemas and those of KEDA and Prometheus."""
    tool = ["kubectl", "kustomize"] if shutil.which("kubectl") else ["kustomize", "build"]
    if not shutil.which(tool[0]):
        left.append("Kubernetes manifests not rendered: neither kubectl nor kustomize is here")
        return
    customs = []
    folders = [INFRA / "kubernetes/base", *sorted((INFRA / "kubernetes/overlays").iterdir())]
    for folder in folders:
        text = run(*tool, folder)
        if text is None:
            continue
        with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
            file.write(text)
            file.flush()
            run(BIN / "kubernetes-validate", "--strict", "--no-warn", "--quiet", "-k", "1.32", file.name)
        objects = [thing for thing in yaml.safe_load_all(text) if thing]
        customs += [thing for thing in objects if "keda" in thing["apiVersion"] or "coreos" in thing["apiVersion"]]
        for thing in objects:
            look(folder.name, thing, objects)
    done.append(f"{len(folders)} Kubernetes folders rendered and held against the schemas of Kubernetes 1.32")
    custom_resources(customs)


def look(folder, thing, objects):
    """What schemas cannot say."""
    where = f"{folder}: {thing['kind']} {thing['metadata']['name']}"
    spec = thing.get("spec", {})
    if thing["kind"] == "ScaledObject":
        there = any(o["kind"] == "Deployment" and o["metadata"]["name"] == spec["scaleTargetRef"]["name"] for o in objects)
        check(where, there, "scales nothing that is there")
    for trigger in spec.get("triggers", []):
        check(where, set(trigger["metadata"]) == SCALERS[trigger["type"]], f"tells {trigger['type']} the wrong things")
    if thing["kind"] == "Deployment" and any(o["kind"] == "ScaledObject" and o["spec"]["scaleTargetRef"]["name"] == thing["metadata"]["name"] for o in objects):
        check(where, "replicas" not in spec, "has its own word on how many there are, against the autoscaler's")
    pod = (spec.get("jobTargetRef") or spec.get("jobTemplate", {}).get("spec") or spec).get("template", {}).get("spec")
    if not pod:
        return
    container = pod["containers"][0]
    args = container["args"]
    if "--drain" in args:
        drain = int(args[args.index("--drain") + 1].rstrip("s"))
        check(where, pod["terminationGracePeriodSeconds"] >= drain + 10, "is killed before it has drained")
    check(where, not container["image"].startswith("camcount") or folder == "base", "has no image")


def custom_resources(things):
    """By the schemas in npm's packages, where there is npm."""
    if not shutil.which("npm"):
        left.append("KEDA's and Prometheus' resources not held against schemas: npm is not here")
        return
    place = pathlib.Path(sys.prefix) / "schemas"
    place.mkdir(exist_ok=True)
    packages = ["@kubernetes-models/keda@2.0.0", "@kubernetes-models/prometheus-operator@6.0.0"]
    if not (place / "node_modules").exists() and run("npm", "install", "--silent", "--no-save", "--ignore-scripts", "--prefix", place, *packages) is None:
        return
    script = place / "check.mjs"
    script.write_text("""
        import { readFileSync } from 'node:fs';
        import * as keda from '@kubernetes-models/keda/keda.sh/v1alpha1';
        import * as prometheus from '@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1';
        const known = { 'keda.sh/v1alpha1': keda, 'monitoring.coreos.com/v1': prometheus };
        for (const thing of JSON.parse(readFileSync(0))) new known[thing.apiVersion][thing.kind](thing).validate();
    """)
    if run("node", script, input=json.dumps(things)) is not None:
        done.append(f"{len(things)} resources of KEDA and the Prometheus operator held against their schemas")


for part in [files, compose, new_env, prometheus, kubernetes]:
    part()
for line in done:
    print(f"ok: {line}")
for line in left:
    print(f"not done: {line}")
for line in wrong:
    print(f"\nwrong: {line}", file=sys.stderr)
print(f"{len(done)} passed, {len(wrong)} failed, {len(left)} skipped")
sys.exit(1 if wrong else 0)
