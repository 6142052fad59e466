# SPDX-License-Identifier: GPL-2.0-only
"""The dashboard compared with the types that Grafana publishes: the package @grafana/schema of npm, and the compiler of TypeScript."""

import json
import subprocess

# Their versions; the licence of both is Apache-2.0.
PACKAGES = ["@grafana/schema@13.2.3", "typescript@5.9.3"]

# Grafana fills in options that are missing. An enumeration is written as its string.
HEAD = """
type Plain<T> = T extends string ? `${T}` : T extends (infer U)[] ? Plain<U>[]
    : T extends object ? {[K in keyof T]: Plain<T[K]>} : T;
type Some<T> = T extends string ? `${T}` : T extends (infer U)[] ? Some<U>[]
    : T extends object ? {[K in keyof T]?: Some<T[K]>} : T;
"""
RAW = "./node_modules/@grafana/schema/dist/types/raw"


def program(dashboard):
    """A program that is correct if the dashboard, and the options of each panel, are of the types that Grafana has for them."""
    # The types do not have what a data source adds to an annotation.
    annotations = [{key: value for key, value in each.items() if key not in ("expr", "titleFormat")}
                   for each in dashboard["annotations"]["list"]]
    dashboard = dashboard | {"annotations": {"list": annotations}}
    kinds = sorted({panel["type"] for panel in dashboard["panels"]})
    lines = [f'import type {{Dashboard}} from "{RAW}/dashboard/x/types.gen";']
    lines += [f'import type * as {kind} from "{RAW}/composable/{kind}/panelcfg/x/types.gen";' for kind in kinds]
    lines += [HEAD, f"export const dashboard: Plain<Dashboard> = {json.dumps(dashboard)};"]
    for panel in dashboard["panels"]:
        lines.append(f"export const options{panel['id']}: Some<{panel['type']}.Options> = {json.dumps(panel['options'])};")
        lines.append(f"export const custom{panel['id']}: Some<{panel['type']}.FieldConfig> = "
                     f"{json.dumps(panel['fieldConfig']['defaults']['custom'])};")
    return "\n".join(lines) + "\n"


def install(directory):
    """Install the packages. Returns what npm printed, and its status."""
    return subprocess.run(["npm", "install", "--no-save", "--ignore-scripts", "--no-audit", "--no-fund", "--prefix", str(directory), *PACKAGES],
                          cwd=directory, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)


def errors(directory, dashboard):
    """The errors that the compiler reports."""
    (directory / "dashboard.ts").write_text(program(dashboard), encoding="utf-8")
    done = subprocess.run(["node_modules/.bin/tsc", "--noEmit", "--strict", "--skipLibCheck", "--target", "es2022", "--module", "esnext",
                           "--moduleResolution", "bundler", "dashboard.ts"],
                          cwd=directory, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    return done.stdout.splitlines() or ["failed"] * (done.returncode != 0)
