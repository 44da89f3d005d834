"""Reports of the same findings in every form, judged by tools that are not ours.

SARIF is validated against the official 2.1.0 schema (OASIS; it comes with the serde-sarif crate, whose checksum
Cargo.lock pins), and its locations must lead to a line of a file. JUnit is read by junitparser. Both must tell what
the JSON report tells, for recordings and file names that are hostile, too.
"""

import json
import pathlib
import subprocess
import sys
import tempfile
import urllib.parse

import jsonschema
import junitparser

BINARY = sys.argv[1]
ROOT = pathlib.Path.cwd()
HOSTILE_NAME = "we ird,[x](y)%41é';#?&<]]>.cassette.json"
HOSTILE_TEXT = json.dumps("]]>\u0001\u001b[31m\r\n::error::\u202e<&\"'%0A[x](y){0}\ufffe\U0001f600")[1:-1]


def schema():
    metadata = subprocess.run(
        ["cargo", "metadata", "--locked", "--format-version", "1"], check=True, capture_output=True
    )
    packages = json.loads(metadata.stdout)["packages"]
    manifest = next(package["manifest_path"] for package in packages if package["name"] == "serde-sarif")
    schema = json.loads(pathlib.Path(manifest).with_name("src").joinpath("schema.json").read_text("utf-8"))
    assert schema["$id"].endswith("oasis-tcs/sarif-spec/master/Schemata/sarif-schema-2.1.0.json"), schema["$id"]
    return schema


def check(folder, files, form, *more):
    """The report in a form, and what came to standard output with it."""
    command = [BINARY, "check", "--format", form, *more, *files]
    ended = subprocess.run(command, cwd=folder, capture_output=True)
    assert ended.returncode in (0, 1), (command, ended.returncode, ended.stderr.decode())
    return ended.stdout.decode("utf-8")


def sarif_holds(text, findings, validator, folder):
    log = json.loads(text)
    validator.validate(log)
    (run,) = log["runs"]
    rules = run["tool"]["driver"]["rules"]
    assert [result["ruleId"] for result in run["results"]] == [finding["rule"] for finding in findings]
    states = {result.get("baselineState") for result in run["results"]}
    assert states in ({None}, {"new"}, {"unchanged"}, {"new", "unchanged"}, set()), states
    for result, finding in zip(run["results"], findings):
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
        assert result["occurrenceCount"] == finding["count"]
        (location,) = result["locations"]
        artifact = location["physicalLocation"]["artifactLocation"]
        assert artifact["uriBaseId"] == "%SRCROOT%" and artifact["uriBaseId"] in run["originalUriBaseIds"]
        file = folder / urllib.parse.unquote(artifact["uri"])
        line = location["physicalLocation"]["region"]["startLine"]
        assert 1 <= line <= file.read_text("utf-8").count("\n") and line == finding["line"], (file, line)


def junit_holds(text, findings, files):
    """A suite per file, a case per rule or one that passes, and failures where errors are new."""
    document = junitparser.JUnitXml.fromstring(text.encode("utf-8"))
    suites = list(document)
    assert len(suites) == len(files), (len(suites), files)
    fails = {(finding["file"], finding["rule"]) for finding in findings if fails_check(finding)}
    told = {(finding["file"], finding["rule"]) for finding in findings}
    clean = [file for file in files if file not in {finding["file"] for finding in findings}]
    assert document.tests == sum(len(list(suite)) for suite in suites) == len(told) + len(clean)
    assert document.failures == len(fails), (document.failures, fails)
    failed = [case for suite in suites for case in suite if any(isinstance(r, junitparser.Failure) for r in case.result)]
    assert sorted(case.name for case in failed) == sorted(rule for _, rule in fails)


def fails_check(finding):
    return finding["severity"] == "error" and not finding["known"]


def all_hold(folder, files, validator, *more):
    findings = json.loads(check(folder, files, "json", *more))
    sarif_holds(check(folder, files, "sarif", *more), findings, validator, folder)
    junit_holds(check(folder, files, "junit", *more), findings, files)
    *commands, summary = check(folder, files, "github", *more).splitlines()
    assert len(commands) == len(findings) and not summary.startswith("::")
    assert all(command.split(" ")[0] in ("::error", "::warning", "::notice") for command in commands)
    return findings


def main():
    validator = jsonschema.Draft7Validator(schema(), format_checker=jsonschema.FormatChecker(["uri", "uri-reference"]))
    assert not validator.is_valid({"version": "2.1.0", "runs": [{}]})
    examples = sorted(path.relative_to(ROOT).as_posix() for path in ROOT.glob("cassettes/*.cassette.json"))
    found = all_hold(ROOT, examples, validator)
    assert any(finding["rejected"] for finding in found)
    with tempfile.TemporaryDirectory() as scratch:
        folder = pathlib.Path(scratch)
        accepted = (ROOT / "cassettes/violations.cassette.json").read_text("utf-8")
        accepted = accepted.replace('"status": 400', '"status": 200').replace('"player1"', f'"{HOSTILE_TEXT}"')
        accepted = accepted.replace('"changeNumber": 5', f'"changeNumber": 5, "{HOSTILE_TEXT}": 1')
        (folder / HOSTILE_NAME).write_text(accepted, "utf-8")
        hostile = all_hold(folder, [HOSTILE_NAME], validator)
        assert sum(map(fails_check, hostile)) > 5, hostile
        check(folder, [HOSTILE_NAME], "text", "--write-baseline", "known.json")
        known = all_hold(folder, [HOSTILE_NAME], validator, "--baseline", "known.json")
        assert not any(map(fails_check, known))
    print(f"reports: {len(found)} findings of {len(examples)} examples and {len(hostile)} hostile ones hold in every form")


main()
