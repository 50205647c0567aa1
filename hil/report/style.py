"""How the rig's pages look: light, dark, on a phone and on paper. One sheet for all, in the page itself.

Lines differ in colour and phases in their dashes, so that a print in grey and a colour-blind reader have both.
The header of a page forbids it to fetch or run anything.
"""

from __future__ import annotations

from hil.report.scale import esc

STYLE = """
:root{color-scheme:light dark;--bg:#f4f5f7;--card:#fff;--ink:#15181d;--soft:#5d6673;--line:#d9dde3;--tick:#e6e9ed;
--good:#1a7f4b;--fair:#a86400;--bad:#c02b2b;--goodbg:#dff3e6;--badbg:#fbe0de;--says:#eef1f6;
--c0:#1f6fb4;--c1:#c2531b;--c2:#1e8449;--c3:#8e44ad;--c4:#a07900;--c5:#b02a6b;
--s0:#d3e6f7;--s1:#fce4c4;--s2:#d4efdd;--s3:#ecdcf5;--s4:#f8d9d6;--s5:#f6efbf;--s6:#d8dee6;--s7:#cdebe8}
@media screen and (prefers-color-scheme:dark){:root{--bg:#121519;--card:#1c2127;--ink:#e9edf2;--soft:#98a2af;
--line:#3a424c;--tick:#2a3038;--good:#4fc487;--fair:#e5a43b;--bad:#ff7b72;--goodbg:#1d3a2b;--badbg:#4a2326;
--says:#222a35;--c0:#6aaef2;--c1:#f2935c;--c2:#5fd08f;--c3:#c79be8;--c4:#e0c04f;--c5:#f27fb4;
--s0:#274a69;--s1:#5e431e;--s2:#245039;--s3:#4a3360;--s4:#633231;--s5:#545020;--s6:#3c4653;--s7:#22504c}}
*{box-sizing:border-box}
body{margin:0;background:var(--bg);color:var(--ink);font:16px/1.45 system-ui,sans-serif}
main{max-width:74rem;margin:auto;padding:.8rem;display:grid;gap:.8rem;grid-template-columns:minmax(0,1fr)}
section,header{background:var(--card);border:1px solid var(--line);border-radius:.7rem;padding:.9rem 1rem;min-width:0}
h1{font-size:1.7rem;line-height:1.15;margin:.15rem 0 .4rem}
h2{font-size:1.05rem;margin:0 0 .6rem;color:var(--soft)}
p{margin:.3rem 0}a{color:var(--c0)}
code{font:.92em ui-monospace,monospace;overflow-wrap:anywhere}
.cmd{display:block;background:var(--bg);border:1px solid var(--line);border-radius:.4rem;padding:.4rem .6rem;
margin-top:.5rem}
.verdict{font-weight:700;font-size:1.1rem}
.soft{color:var(--soft);font-size:.88rem}.good{color:var(--good)}.fair{color:var(--fair)}.bad{color:var(--bad)}
.facts{display:flex;flex-wrap:wrap;gap:.15rem 1.2rem;margin:.5rem 0}
.chip{display:inline-block;border:1px solid var(--line);border-radius:1rem;padding:0 .6rem;margin:.1rem .3rem .1rem 0;
font-size:.88rem}
.row{display:flex;gap:.6rem;align-items:baseline}
.mark{flex:none;min-width:3.6rem;font-weight:700}
.exp{border-top:1px solid var(--line);padding:.6rem 0 .7rem}.exp.good,.exp.bad{color:inherit}
.why{margin:.1rem 0}.measured{font-variant-numeric:tabular-nums;margin-bottom:.35rem}
figure{margin:0 0 1rem;break-inside:avoid}
figcaption{font-size:.92rem;margin-bottom:.25rem}
figure.says{background:var(--says);margin:0 -1rem;padding:.7rem 1rem}
.keys{color:var(--soft);margin-left:.4rem}.key{white-space:nowrap;margin-right:.9rem}.key svg{margin-right:.3rem}
svg{display:block;overflow:visible}.key svg{display:inline-block;vertical-align:middle}
svg text{font:12px system-ui,sans-serif;fill:var(--ink);stroke:none}
svg .val,svg .name,.times text{fill:var(--soft);font-size:11px}
svg .val,svg .name,svg .limitword{paint-order:stroke;stroke:var(--card);stroke-width:3px;stroke-linejoin:round}
.says svg .val,.says svg .name{stroke:var(--says)}
.tick{stroke:var(--tick)}.zero{stroke:var(--soft);stroke-width:.8}
.ev{stroke:var(--soft);stroke-width:1;stroke-dasharray:1 3}.ev.bad{stroke:var(--bad)}.ev.good{stroke:var(--good)}
.l{fill:none;stroke-width:1.8;stroke-linejoin:round;vector-effect:non-scaling-stroke}
.c0{stroke:var(--c0)}.c1{stroke:var(--c1)}.c2{stroke:var(--c2)}.c3{stroke:var(--c3)}.c4{stroke:var(--c4)}
.c5{stroke:var(--c5)}.p2{stroke-dasharray:7 3}.p3{stroke-dasharray:2 3}
.limit{stroke:var(--bad);stroke-width:1.6;stroke-dasharray:6 3}svg .limitword{fill:var(--bad);font-size:11px}
.hover{fill:transparent}.hover:hover{fill:var(--soft);fill-opacity:.16}
.bar{stroke:var(--line);stroke-width:.8}.shut{fill:var(--good)}.open{fill:transparent}.wrong{fill:var(--bad)}
.s0{fill:var(--s0)}.s1{fill:var(--s1)}.s2{fill:var(--s2)}.s3{fill:var(--s3)}.s4{fill:var(--s4)}.s5{fill:var(--s5)}
.s6{fill:var(--s6)}.s7{fill:var(--s7)}
.badge circle{fill:var(--card);stroke:var(--soft);stroke-width:1.5}.badge text{font-size:10.5px;font-weight:600}
.badge.bad circle{fill:var(--bad);stroke:var(--bad)}.badge.bad text{fill:var(--card)}
.badge.good circle{stroke:var(--good)}.badge.good text{fill:var(--good)}
.tickmark.good{fill:var(--good)}.tickmark.fair{fill:var(--fair)}.tickmark.bad{fill:var(--bad)}
.window.good{fill:var(--goodbg)}.window.bad{fill:var(--badbg)}
.decided{stroke-width:2}.decided.good{stroke:var(--good)}.decided.bad{stroke:var(--bad)}
.times{margin-bottom:.5rem}.phone{display:none}
table{border-collapse:collapse;width:100%;font-size:.92rem}
th{color:var(--soft);font-weight:500;text-align:left}
th,td{padding:.25rem .7rem .25rem 0;vertical-align:top;overflow-wrap:break-word}
tr+tr td{border-top:1px solid var(--tick)}
.num{white-space:nowrap;width:1%;font-variant-numeric:tabular-nums;overflow-wrap:normal}
.dot.bad{color:var(--bad)}.dot.good{color:var(--good)}.scroll{overflow-x:auto}
.story{font-size:1.05rem}.story p{margin:.55rem 0}
summary{cursor:pointer;color:var(--soft)}
@media(max-width:50rem){.wide{display:none}.phone{display:inline}h1{font-size:1.35rem}
section,header{padding:.8rem .7rem}figure.says{margin:0 -.7rem;padding:.7rem}}
@media print{body{background:none;font-size:12px}main{max-width:none;padding:0}
section,header{border:none;border-top:1px solid #999;border-radius:0;padding:.5rem 0}.exp{break-inside:avoid}
*{print-color-adjust:exact;-webkit-print-color-adjust:exact}}
"""

POLICY = "default-src 'none'; style-src 'unsafe-inline'"


def page(title: str, body: str) -> str:
    """A whole document that needs nothing but itself."""
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{esc(POLICY)}">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{esc(title)}</title><style>{STYLE}</style></head>\n<body><main>\n{body}\n</main></body></html>\n"
    )
