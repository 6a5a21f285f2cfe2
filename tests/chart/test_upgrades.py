"""Values of older charts, files that are made from values, packages."""

import http.server
import shutil
import threading

import pytest
import yaml

from scripts import chart as made
from tests.support.chart import CHART, parse, render, rendered, run_helm


def leaves(values, path=()):
    for name, value in values.items():
        if isinstance(value, dict) and value:
            yield from leaves(value, (*path, name))
        else:
            yield (*path, name)


def without_defaults(chart):
    """The chart as `--reuse-values` sees it: an older release's values are its defaults."""
    (chart / "values.yaml").write_text("redis: {}\npostgresql: {}\n")
    return chart


def test_reused_values_that_lack_every_newer_key_render_all_the_same(chart_copy):
    assert render(chart=without_defaults(chart_copy)) == render()


def test_reused_values_keep_what_they_said(chart_copy, tmp_path):
    older = tmp_path / "older.yaml"
    older.write_text(yaml.safe_dump({"replicaCount": 3, "config": {"logLevel": "debug"}}))
    reused = render("-f", str(older), chart=without_defaults(chart_copy))
    assert reused == render("-f", str(older))


@pytest.mark.parametrize("section", ["config", "secrets", "storage", "autoscaling", "edge"])
def test_a_value_of_false_zero_or_nothing_is_no_missing_one(chart_copy, section):
    defaults = yaml.safe_load((CHART / "values.yaml").read_text())
    for path in leaves(defaults[section], (section,)):
        value = defaults
        for name in path:
            value = value[name]
        if value is True:
            arguments = ("--set", f"{'.'.join(path)}=false")
            assert parse(rendered(*arguments, chart=without_defaults(chart_copy))) == render(
                *arguments
            )


@pytest.mark.parametrize("path", list(made.outputs()), ids=lambda path: path.name)
def test_what_is_made_from_values_is_up_to_date(path):
    assert path.read_text() == made.outputs()[path], "run `make chart`"


def test_every_value_is_described_and_its_schema_knows_it():
    text = (CHART / "values.yaml").read_text()
    said = made.comments(text)
    defaults = yaml.safe_load(text)
    for path in leaves(defaults):
        described = [said[path[:length]].description for length in range(1, len(path) + 1)]
        assert any(described), ".".join(path)


def test_dependencies_are_built_without_a_network_and_change_nothing(chart_copy):
    def content():
        return {
            str(path.relative_to(chart_copy)): path.read_bytes()
            for path in chart_copy.rglob("*")
            if path.is_file()
        }

    before = content()
    for helm in ("helm4", "helm4", "helm3"):
        done = run_helm("dependency", "build", str(chart_copy), helm=helm)
        assert done.returncode == 0, done.stderr
    assert content() == before


@pytest.fixture
def repository(tmp_path, chart_copy):
    """A package, served with its index as a chart repository."""
    served = tmp_path / "served"
    assert run_helm("package", str(chart_copy), "-d", str(served)).returncode == 0
    assert run_helm("repo", "index", str(served)).returncode == 0

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *arguments):
            super().__init__(*arguments, directory=str(served))

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Quiet)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("helm", ["helm3", "helm4"])
def test_the_package_is_found_and_installed_from_a_repository(repository, tmp_path, helm):
    files = (
        *("--repository-config", str(tmp_path / "repositories.yaml")),
        *("--repository-cache", str(tmp_path / "cache")),
    )
    added = run_helm("repo", "add", "revolution1", repository, *files, helm=helm)
    assert added.returncode == 0, added.stderr
    assert run_helm("repo", "update", *files, helm=helm).returncode == 0
    assert (
        "revolution1/relay" in run_helm("search", "repo", "revolution1", *files, helm=helm).stdout
    )
    arguments = ("template", "relay", "revolution1/relay", "--namespace", "default", *files)
    assert parse(run_helm(*arguments, helm=helm).stdout) == render()


def test_the_package_holds_what_is_needed_and_no_value_sets(tmp_path, chart_copy):
    run_helm("package", str(chart_copy), "-d", str(tmp_path))
    [package] = tmp_path.glob("relay-*.tgz")
    shutil.unpack_archive(package, tmp_path / "unpacked")
    held = {
        str(path.relative_to(tmp_path / "unpacked" / "relay"))
        for path in (tmp_path / "unpacked").rglob("*")
        if path.is_file()
    }
    assert {"values.schema.json", "files/defaults.yaml", "files/test.py", "README.md"} <= held
    assert {"charts/redis/values.schema.json", "charts/postgresql/Chart.yaml"} <= held
    assert not any(name.startswith("ci/") for name in held)


def test_the_version_is_the_package_s():
    import tomllib

    project = tomllib.loads((made.ROOT / "pyproject.toml").read_text())["project"]
    assert yaml.safe_load((CHART / "Chart.yaml").read_text())["appVersion"] == project["version"]
