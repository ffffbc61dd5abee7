"""How the page looks: light or dark as the reader's system is, from a phone's width to a desk's, and on paper."""

STYLE = """
:root{color-scheme:light dark;--paper:#fdfdfc;--ink:#202326;--soft:#646a70;--line:#e4e4df;--tile:#f3f2ee;
--normal:#1f68a8;--anomalous:#b8480c;--raises:#d04a0a;--lowers:#1860b0}
@media (prefers-color-scheme:dark){:root{--paper:#16181a;--ink:#e4e5e3;--soft:#9ba1a6;--line:#303437;--tile:#22262a;
--normal:#6fb1e8;--anomalous:#f09458;--raises:#f0803f;--lowers:#5aa2e6}}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%;text-size-adjust:100%}
body{margin:0 auto;max-width:70rem;padding:2.5rem 1.5rem 5rem;background:var(--paper);color:var(--ink);
font:15px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif;
font-variant-numeric:tabular-nums lining-nums;overflow-wrap:break-word}
h1{font-size:1.9rem;line-height:1.2;font-weight:600;letter-spacing:-.015em;margin:0 0 .4rem}
h2{font-size:1.3rem;line-height:1.3;font-weight:600;letter-spacing:-.01em;margin:3.2rem 0 .6rem}
h3{font-size:1.05rem;font-weight:600;margin:2.2rem 0 .4rem}h4{font-size:.92rem;font-weight:600;margin:1.6rem 0 .3rem}
p{margin:.4rem 0 .8rem;max-width:44rem}
a{color:var(--normal);text-decoration-thickness:1px;text-underline-offset:.18em}
nav{margin:1.2rem 0 0}nav a{display:inline-block;margin-right:1.2rem}
.soft,.sd,figcaption,dt,.note{color:var(--soft)}
.note{font-size:.87rem}
.sd{font-size:.87em;white-space:nowrap}
.wide{overflow-x:auto;margin:.6rem 0 1rem}
.wide:focus-visible,summary:focus-visible,a:focus-visible{outline:2px solid var(--normal);outline-offset:2px}
table{border-collapse:collapse;font-size:.9rem}
.caption{margin:.8rem 0 .2rem}.caption+.wide{margin-top:0}
th,td{padding:.36rem .9rem .36rem 0;text-align:left;vertical-align:baseline;border-bottom:1px solid var(--line);font-weight:400}
th:last-child,td:last-child{padding-right:0}
thead th{color:var(--soft);font-size:.8rem;white-space:nowrap;vertical-align:bottom}
tbody th{font-weight:500;white-space:nowrap;position:sticky;left:0;background:var(--paper)}h3 .soft{font-weight:400}
.settings{display:block;min-width:13rem;max-width:24rem;font-size:.8rem;color:var(--soft)}
.n{text-align:right;white-space:nowrap}
code,pre{font:.84rem/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace}
pre{background:var(--tile);padding:.7rem .9rem;border-radius:4px;white-space:pre-wrap;overflow-wrap:anywhere;margin:.4rem 0 1rem}
summary{cursor:pointer;color:var(--soft);padding:.3rem 0}
.run{border-top:1px solid var(--line)}.run:last-of-type{border-bottom:1px solid var(--line)}
.run>summary{display:flex;flex-wrap:wrap;gap:.1rem 1rem;align-items:baseline;padding:.7rem 0;list-style:none;color:var(--ink)}
.run>summary::-webkit-details-marker{display:none}
.run>summary::before{content:"";flex:none;width:.42rem;height:.42rem;border-right:1.5px solid var(--soft);
border-bottom:1.5px solid var(--soft);transform:rotate(-45deg);align-self:center}
.run[open]>summary::before{transform:rotate(45deg)}
.run>summary b{font-weight:600}.run>summary .n{margin-left:auto}
.body{padding:.2rem 0 2.6rem}
.charts{display:flex;flex-wrap:wrap;gap:1.5rem 2.5rem;align-items:flex-start;margin:.4rem 0 0}
.chart{width:21rem;max-width:100%;height:auto;font-size:10.5px}
.chart text{fill:var(--soft)}.chart .told{fill:var(--ink);font-size:12px;font-weight:600}
.axis{stroke:var(--line)}.chance{stroke:var(--line);stroke-dasharray:3 3}
.curve{fill:none;stroke:var(--normal);stroke-width:1.75;stroke-linejoin:round}.under{fill:var(--normal);opacity:.07}
polygon.normal{fill:var(--normal);opacity:.5}polygon.anomalous{fill:var(--anomalous);opacity:.5}
.chart .key.normal{fill:var(--normal);font-weight:600}.chart .key.anomalous{fill:var(--anomalous);font-weight:600}
.facts{flex:1 1 17rem;min-width:0}
dl{margin:.3rem 0 .8rem;font-size:.9rem}
dl>div{display:flex;gap:1rem;justify-content:space-between;border-bottom:1px solid var(--line);padding:.26rem 0}
dt{flex:none}dd{margin:0;text-align:right;overflow-wrap:anywhere;min-width:0}
.columns{columns:19rem;column-gap:2.5rem}.columns>div{break-inside:avoid}
.strip{display:flex;flex-wrap:wrap;gap:1rem .9rem;margin:.6rem 0 1rem}
figure{margin:0;width:4.6rem}
.tiles{display:flex;flex-direction:column;gap:3px}
figure img{display:block;width:100%;height:auto;background:var(--tile);border-radius:2px}
img.coarse{image-rendering:pixelated}
figure.anomalous img:first-child{box-shadow:0 0 0 2px var(--paper),0 0 0 4px var(--anomalous)}
figcaption{font-size:.78rem;line-height:1.35;margin-top:.4rem;overflow-wrap:anywhere}
figcaption b{display:block;color:var(--ink);font-weight:500}figure.anomalous figcaption span{color:var(--anomalous)}
.alarms{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,29rem),1fr));gap:0 2.5rem;
border-top:1px solid var(--line);margin-top:.8rem}
.alarm{display:flex;flex-wrap:wrap;gap:1.2rem;padding:.9rem 0;border-bottom:1px solid var(--line)}
.alarm>figure{width:auto}.alarm>figure .tiles{flex-direction:row}.alarm .tiles img{width:4.2rem}
.near{display:flex;gap:.7rem;padding-left:1.2rem;border-left:1px solid var(--line)}.near figure{width:4.2rem}
.old img{display:block;max-width:100%;height:auto;border-radius:4px;background:#fff}
.entries{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,20rem),1fr));gap:1.4rem 2.5rem}
.entries table{width:100%;font-size:.84rem}.entries td,.entries th{padding-right:.5rem;padding-top:.2rem;padding-bottom:.2rem;overflow-wrap:anywhere}
.terms figure{width:6.2rem}
.bar{width:5rem;height:.65rem;display:block;margin-left:auto}.raises{fill:var(--raises)}.lowers{fill:var(--lowers)}
.swatch{display:inline-block;width:.7em;height:.7em;border-radius:2px;margin:0 .25em 0 0}
.swatch.up{background:var(--raises)}.swatch.down{background:var(--lowers)}
@media (max-width:40rem){body{padding:1.4rem 1rem 3rem}h1{font-size:1.55rem}h2{margin-top:2.4rem}
.run>summary .n{margin-left:0}.near{padding-left:0;border-left:0}figure{width:4.1rem}}
@media print{:root{color-scheme:light;--paper:#fff;--ink:#111;--soft:#555;--line:#ccc;--tile:#f2f2f2;--normal:#1f68a8;
--anomalous:#b8480c;--raises:#d04a0a;--lowers:#1860b0}
body{max-width:none;padding:0;font-size:10pt}nav{display:none}.wide{overflow:visible}
details::details-content{content-visibility:visible;display:block;height:auto}
figure,.alarm,.chart,tr,.entries>div{break-inside:avoid}h2,h3,summary{break-after:avoid}
*{print-color-adjust:exact;-webkit-print-color-adjust:exact}}
"""
