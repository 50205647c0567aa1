"""Is a dashboard one by Grafana's own schema? TypeScript looks, with the types that Grafana is built from.

    python tests/metrics/grafana_check.py --install   once: npm puts types and compiler into build/peers/grafana
    python tests/metrics/grafana_check.py [FILE]      prints what is wrong; nothing when nothing is

The dashboard becomes literals of Grafana's types, each panel of those of its own plugin, so a misspelt, missing or
superfluous option is an error. Enumerations are compared by their values, as JSON has them.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
DASHBOARD = ROOT / "deploy" / "grafana" / "powerwarden.json"
PLACE = ROOT / "build" / "peers" / "grafana"
PACKAGES = ("@grafana/schema@13.2.3", "typescript@5.9.3")
REMEDY = "python tests/metrics/grafana_check.py --install (it needs Node and npm)"
PLUGINS = {"timeseries": "TimeSeries", "state-timeline": "StateTimeline", "stat": "Stat", "table": "Table"}
HEAD = """\
import type * as schema from '@grafana/schema';
{imports}
type Plain<T> = T extends string ? `${{T}}` : T extends object ? {{ [K in keyof T]: Plain<T[K]> }} : T;
type Query = schema.DataQuery & {{
  expr: string; legendFormat?: string; range: boolean; instant: boolean; format?: 'table' | 'time_series';
}};
type Of<O, F> = Omit<Plain<schema.Panel<O, F>>, 'targets' | 'options'> & {{
  targets: Plain<Query>[]; options: Plain<O>;
}};
"""
IMPORT = (
    "import type * as {name} from '@grafana/schema/dist/esm/raw/composable/{path}/panelcfg/x/{name}PanelCfg_types.gen';"
)


def installed() -> bool:
    return (PLACE / "node_modules" / "@grafana" / "schema").is_dir() and shutil.which("node") is not None


def install() -> None:
    PLACE.mkdir(parents=True, exist_ok=True)
    npm = ["npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", str(PLACE), *PACKAGES]
    subprocess.run(npm, check=True, cwd=PLACE)


def literals(dashboard: dict[str, Any]) -> str:
    """The program that only compiles when the dashboard is one."""
    imports = [IMPORT.format(name=name, path=kind.replace("-", "")) for kind, name in PLUGINS.items()]
    parts = [HEAD.format(imports="\n".join(imports))]
    whole = {key: value for key, value in dashboard.items() if key != "panels"}
    parts.append(f"export const page: Omit<Plain<schema.Dashboard>, 'panels'> = {json.dumps(whole, indent=1)};")
    for panel in dashboard["panels"]:
        name, kind = f"panel_{panel['id']}", panel["type"]
        if kind == "row":
            of = "Plain<schema.RowPanel>"
        else:
            options = f"{PLUGINS[kind]}.Options"
            of = f"Of<{options}, {'{}' if kind == 'stat' else PLUGINS[kind] + '.FieldConfig'}>"
        parts.append(f"export const {name}: {of} = {json.dumps(panel, indent=1)};")
    return "\n".join(parts) + "\n"


def wrong(dashboard: dict[str, Any], folder: Path) -> str:
    """What the compiler says, "" for nothing. ``folder``: for the program."""
    program = folder / "dashboard.ts"
    program.write_text(literals(dashboard))
    modules = folder / "node_modules"
    if not modules.exists():
        modules.symlink_to(PLACE / "node_modules")
    tsc = PLACE / "node_modules" / "typescript" / "bin" / "tsc"
    options = ["--noEmit", "--strict", "--skipLibCheck", "--module", "nodenext", "--moduleResolution", "nodenext"]
    said = subprocess.run(["node", str(tsc), *options, str(program)], capture_output=True, text=True, cwd=folder)
    return said.stdout + said.stderr


if __name__ == "__main__":
    import tempfile

    if "--install" in sys.argv:
        install()
    else:
        file = Path(sys.argv[1]) if len(sys.argv) > 1 else DASHBOARD
        with tempfile.TemporaryDirectory() as made:
            sys.stdout.write(wrong(json.loads(file.read_text()), Path(made)))
