"""Reads `cargo metadata`; writes each crate that ends up in the binary, its licence, and the texts it comes with.

A crate is in it when it is reached from tapdeck by dependencies that are neither for tests nor for build scripts.
"""

import json
import pathlib
import re
import sys

# Nothing copyleft: each licence must allow one of these.
TAKEN = {
    "0BSD", "Apache-2.0", "Apache-2.0 WITH LLVM-exception", "BSD-2-Clause", "BSD-3-Clause", "BSL-1.0",
    "CDLA-Permissive-2.0", "ISC", "MIT", "MIT-0", "OpenSSL", "Unicode-3.0", "Unlicense", "Zlib",
}  # fmt: skip
TEXTS = ("LICENSE", "LICENCE", "COPYING", "NOTICE", "UNLICENSE", "COPYRIGHT")


def allowed(licence):
    """True for an SPDX expression that what we take satisfies; `/` is the old way to write OR."""
    tokens = re.findall(r"\(|\)|[^\s()/]+|/", licence.replace("WITH ", "WITH_"))

    def either(at):
        value, at = both(at)
        while at < len(tokens) and tokens[at] in ("OR", "/"):
            other, at = both(at + 1)
            value = value or other
        return value, at

    def both(at):
        value, at = one(at)
        while at < len(tokens) and tokens[at] == "AND":
            other, at = one(at + 1)
            value = value and other
        return value, at

    def one(at):
        if tokens[at] == "(":
            value, at = either(at + 1)
            return value, at + 1
        name = tokens[at]
        if at + 1 < len(tokens) and tokens[at + 1].startswith("WITH_"):
            return f"{name} WITH {tokens[at + 1][5:]}" in TAKEN, at + 2
        return name in TAKEN, at + 1

    return either(0)[0]


def linked(metadata):
    """The packages that are linked."""
    nodes = {node["id"]: node for node in metadata["resolve"]["nodes"]}
    reached, waiting = set(), [metadata["resolve"]["root"]]
    while waiting:
        package = waiting.pop()
        if package not in reached:
            reached.add(package)
            for dependency in nodes[package]["deps"]:
                if any(kind["kind"] is None for kind in dependency["dep_kinds"]):
                    waiting.append(dependency["pkg"])
    reached.discard(metadata["resolve"]["root"])
    packages = (package for package in metadata["packages"] if package["id"] in reached)
    return sorted(packages, key=lambda package: (package["name"], package["version"]))


def texts(package):
    folder = pathlib.Path(package["manifest_path"]).parent
    files = sorted(path for path in folder.iterdir() if path.is_file() and path.name.upper().startswith(TEXTS))
    return [path.read_text("utf-8", errors="replace").strip() for path in files]


def main():
    sys.stdout.reconfigure(encoding="utf-8", newline="\n")
    packages = linked(json.load(sys.stdin))
    refused = [f"{package['name']} {package['license']}" for package in packages if not allowed(package["license"] or "?")]
    if refused:
        sys.exit(f"licences we do not take: {', '.join(refused)}")
    users = {}
    for package in packages:
        for text in texts(package):
            users.setdefault(text, []).append(package["name"])
    print("tapdeck is made with these crates:\n")
    for package in packages:
        print(f"{package['name']} {package['version']}: {package['license']} {package['repository'] or ''}".rstrip())
    for text, names in users.items():
        print(f"\n{'=' * 80}\nof {', '.join(dict.fromkeys(names))}:\n\n{text}")


main()
