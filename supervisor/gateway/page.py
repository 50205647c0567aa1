"""The page for people at GET /: one document, no resource from anywhere else.

Rules
* It answers what an owner asks in the evening: what is the house doing, what is wrong and since when, who asked for
  what and got what, and what binds. In this order, so that the answer is on a phone's first screen.
* Everything that is shown comes from /v1/state and /v1/decisions and enters the page as text, never as markup.
* Where reading needs a token the page asks for one and keeps it until the tab is closed, nowhere else.
* The policy header names the two hashes of our own script and style, so nothing else can run here.
* When the picture is missing or old the page says so in large letters and shows no values.

This file must never offer a button that asks the guardian for anything: whoever stands before a screen may look.
"""

from __future__ import annotations

import base64
import hashlib

STYLE = """
:root{color-scheme:light dark;--bg:#f4f5f7;--card:#fff;--ink:#15181d;--soft:#5d6673;--line:#d9dde3;
--good:#1a7f4b;--warn:#a86400;--bad:#c02b2b;--bar:#3a78c9}
@media(prefers-color-scheme:dark){:root{--bg:#121519;--card:#1c2127;--ink:#e9edf2;--soft:#98a2af;--line:#323941;
--good:#4fc487;--warn:#e5a43b;--bad:#ff7b72;--bar:#6aa6f2}}
*{box-sizing:border-box}
body{margin:0;background:var(--bg);color:var(--ink);font:16px/1.4 system-ui,sans-serif}
main{max-width:64rem;margin:auto;padding:.8rem;display:grid;gap:.8rem}
section,header{background:var(--card);border:1px solid var(--line);border-radius:.7rem;padding:.8rem;min-width:0}
h1{font-size:2.3rem;line-height:1.1;margin:.1rem 0}
h2{font-size:1rem;margin:0 0 .5rem;color:var(--soft)}
.grid{display:grid;align-items:start;gap:.7rem;grid-template-columns:repeat(auto-fill,minmax(min(100%,18rem),1fr))}
.item{border:1px solid var(--line);border-radius:.5rem;padding:.6rem;min-width:0}
.row{display:flex;justify-content:space-between;gap:.8rem;align-items:baseline}
.row>*{min-width:0;overflow-wrap:anywhere}
.row>strong{min-width:min-content;overflow-wrap:normal}
.ago{flex:none;white-space:nowrap}
.num{text-align:right;font-variant-numeric:tabular-nums}
.soft{color:var(--soft);font-size:.86rem;overflow-wrap:anywhere}
.good{color:var(--good)}.warn{color:var(--warn)}.bad{color:var(--bad)}
.big{font-size:1.3rem;font-weight:600}
.flag{display:inline-block;border:2px solid var(--warn);color:var(--warn);border-radius:.4rem;padding:0 .5rem;
font-weight:700;margin:.2rem .4rem 0 0}
input{font:inherit;flex:1;min-width:8rem;padding:.4rem;border:1px solid var(--line);border-radius:.4rem;
background:var(--bg);color:var(--ink)}
button{font:inherit;padding:.4rem .9rem;border:1px solid var(--line);border-radius:.4rem;
background:var(--bar);color:#fff}
.asked{border-top:1px solid var(--line);padding:.35rem 0}
[hidden]{display:none}
.bar{position:relative;height:.8rem;background:var(--line);border-radius:.4rem;margin:.4rem 0;overflow:hidden}
.bar i{position:absolute;top:0;bottom:0;background:var(--bar);min-width:3px}
.bar b{position:absolute;top:0;bottom:0;width:4px;margin-left:-2px;background:var(--ink)}
"""

SCRIPT = """
'use strict';
const el=(tag,cls,...inner)=>{const e=document.createElement(tag);if(cls)e.className=cls;
  for(const x of inner)if(x!==null)e.append(x instanceof Node?x:document.createTextNode(String(x)));return e};
const put=(id,...nodes)=>document.getElementById(id).replaceChildren(...nodes);
const show=(id,yes)=>{document.getElementById(id).hidden=!yes};
const SEVERITY={normal:'good',observe:'warn',starting:'warn',degraded:'warn',orchestrator_lost:'warn',
  maintenance:'warn'};
const BAD_STATES=['unseen','welded','failed_open','locked_out','protected','fault','doubted','lost','late','barred',
  'stranded'];
const QUALITY={good:'',suspect:'warn',stale:'warn'};
const words=s=>s.replaceAll('_',' ');
const short=(s,device)=>s.startsWith(device+'.')?s.slice(device.length+1):s;
function num(v,unit){
  if(v===null||v===undefined)return '?';
  if(unit==='flag'||unit==='on/off')return v?'on':'off';
  if(unit==='W'&&Math.abs(v)>=1000)return +(v/1000).toFixed(2)+' kW';
  if(unit==='code'||unit==='count')return String(v);
  return +v.toFixed(2)+' '+unit}
function span(s){
  if(s===null||s===undefined)return '';
  if(s<10)return s.toFixed(1)+' s';
  if(s<120)return Math.round(s)+' s';
  if(s<7200)return Math.round(s/60)+' min';
  return s<172800?(s/3600).toFixed(1)+' h':Math.round(s/86400)+' days'}
function bar(t){
  const {lo,hi}=t.rating,width=hi-lo||1,at=v=>Math.max(0,Math.min(100,100*(v-lo)/width));
  const all=el('div','bar'),free=el('i'),now=el('b');
  if(!t.envelope.empty_by){free.style.left=at(t.envelope.lo)+'%';
    free.style.width=Math.max(0,at(t.envelope.hi)-at(t.envelope.lo))+'%';all.append(free)}
  if(t.output!==null){now.style.left=at(t.output)+'%';all.append(now)}
  return all}
function binds(t){
  const e=t.envelope,u=t.unit;
  if(e.empty_by)return el('div','bad','nothing may be asked: '+e.empty_by);
  const edge=(v,by,why)=>num(v,u)+(by&&by!=='rating'?' by '+by:'')+(why?' ('+why+')':'');
  return el('div','soft','may be asked: from '+edge(e.lo,e.lo_by,e.lo_why)+' to '+edge(e.hi,e.hi_by,e.hi_why))}
function target([id,t]){
  const l=t.lease;
  return el('div','item',el('div','row',el('span','',id),el('span','num big',num(t.output,t.unit))),bar(t),binds(t),
    el('div','soft',l?l.holder+' holds '+num(l.value,l.unit)+' ('+l.kind+'), '+span(l.expires_in_s)+' left'
      :'nobody holds it'+(t.wanted_by?', wanted by '+t.wanted_by:'')))}
function reading(device,[id,r]){
  const cls=r.quality in QUALITY?QUALITY[r.quality]:'bad';
  const late=r.quality!=='good'?' '+r.quality+(r.age_s===null?'':', '+span(r.age_s)):r.age_s>5?' '+span(r.age_s):'';
  return el('div','row',el('span','soft',short(id,device)),
    el('span','num '+cls,r.name?words(r.name):num(r.value,r.unit),late?el('span','soft',late):null))}
function device([name,d]){
  const part=m=>m.id===name?words(m.kind).toLowerCase():short(m.id,name);
  const state=m=>el('div','row',el('span','soft',part(m)),el('span','',words(m.state)+' '+span(m.for_s)));
  const states=d.machines.map(state);
  return el('div','item',el('div','row',el('strong','',name)),...states,...d.readings.map(r=>reading(name,r)))}
function devices(s){
  const all=new Map();
  const of=id=>{const n=id.split('.')[0];if(!all.has(n))all.set(n,{machines:[],readings:[]});return all.get(n)};
  s.machines.forEach(m=>of(m.id).machines.push(m));
  Object.entries(s.readings).forEach(r=>of(r[0]).readings.push(r));
  return [...all].map(device)}
const ACTS={yes:'acts',unknown:'acts, because nobody knows better',no:'until it has cleared'};
function trip(t){
  const latch=t.latched?', latched ('+t.latched+')':'';
  return el('div','item',el('div','row',el('strong','bad',t.rule),
    el('span','num',(ACTS[t.answer]||t.answer)+latch+', '+span(t.for_s))),el('div','soft',t.why))}
function bus(b){
  const up=b.connected&&b.link!=='down';
  return el('div','row',el('span','',b.name),
    el('span','num '+(up?'good':'bad'),(b.connected?b.link:'no process')+(b.detail?': '+b.detail:'')))}
function wrongs(s){
  const all=s.trips.map(trip);
  for(const m of s.machines)if(BAD_STATES.includes(m.state))all.push(el('div','item',el('div','row',
    el('strong','bad',m.id),el('span','num',words(m.state)+', '+span(m.for_s))),m.why?el('div','soft',m.why):null));
  const silent=new Map();
  for(const [id,r] of Object.entries(s.readings))if(r.quality!=='good'&&r.quality!=='suspect'){
    const n=id.split('.')[0];if(!silent.has(n))silent.set(n,[]);silent.get(n).push([id,r])}
  for(const [n,list] of silent){
    const oldest=Math.max(...list.map(([,r])=>r.age_s===null?-1:r.age_s));
    const names=list.slice(0,6).map(([id,r])=>short(id,n)+' '+r.quality).join(', ')+(list.length>6?' …':'');
    all.push(el('div','item',el('div','row',el('strong','warn',n),el('span','num',
      list.length+' without a good reading'+(oldest<0?'':', '+span(oldest)))),el('div','soft',names)))}
  for(const b of s.buses)if(!b.connected||b.link==='down')all.push(el('div','item',bus(b)));
  return all}
const VERDICTS={granted:'good',done:'good',clipped:'warn',refused:'bad'};
function decision(d){
  return el('div','asked',el('div','row',el('span','',d.text),el('span','num soft ago',span(d.ago_s)+' ago')),
    el('span',VERDICTS[d.verdict]||'bad',d.verdict),el('span','soft',' over '+d.via+(d.dry_run?', a dry run':'')))}
function event(e){
  return el('div','row',el('span','',words(e.kind)+' ',el('span','soft',e.subject+' '+e.text)),
    el('span','num soft ago',span(e.ago_s)+' ago'))}
function draw(s){
  const lost=s.house.mode==='unknown';
  const mode=el('h1',lost?'bad':SEVERITY[s.house.mode]||'bad',lost?'guardian not answering':words(s.house.mode));
  const flags=[s.simulated&&'SIMULATED',s.observe&&'OBSERVE ONLY'].filter(Boolean).map(f=>el('span','flag',f));
  const line=lost?'no values are shown: '+(s.guardian.trouble||'')
    :'for '+span(s.house.for_s)+', picture '+span(s.guardian.snapshot_age_s)+' old';
  put('head',el('div','soft',s.site||'Powerwarden'),mode,el('div','soft',line),...flags);
  const parts={wrongs:lost?[]:wrongs(s),targets:Object.entries(s.targets).map(target),devices:devices(s),
    buses:s.buses.map(bus),events:s.events.slice(-12).reverse().map(event)};
  for(const [id,nodes] of Object.entries(parts)){put(id,...nodes);show(id+'-box',nodes.length>0)}}
function gone(){
  put('head',el('h1','bad','gateway not answering'),el('div','soft','this page tries again every second'));
  none()}
const BOXES=['wrongs','fine','targets','decisions','devices','buses','events'];
function none(){for(const id of BOXES)show(id+'-box',false)}
const KEY='powerwarden-token';
async function look(path){
  const token=sessionStorage.getItem(KEY),headers=token?{authorization:'Bearer '+token}:{};
  const r=await fetch(path,{headers,signal:AbortSignal.timeout(3000),cache:'no-store'});
  if(r.status===401)throw new Closed();
  if(!r.ok)throw new Error(r.status);
  return r.json()}
class Closed extends Error{}
function closed(){
  const wrong=sessionStorage.getItem(KEY)?'that token is not known here':'looking needs a token here';
  put('head',el('h1','','Powerwarden'),el('div','soft',wrong));none();show('token-box',true)}
function enter(e){
  e.preventDefault();sessionStorage.setItem(KEY,document.getElementById('token').value.trim());
  document.getElementById('token').value='';show('token-box',false);clearTimeout(timer);turn()}
let timer=0;
async function turn(){
  let wait=1000;
  try{
    const s=await look('/v1/state');
    show('token-box',false);draw(s);
    show('fine-box',s.house.mode!=='unknown'&&document.getElementById('wrongs').childElementCount===0);
    if(s.house.mode!=='unknown'){
      const d=(await look('/v1/decisions?limit=12')).decisions.reverse();
      const none=el('div','soft','nobody has asked for anything since the gateway started');
      put('decisions',...(d.length?d.map(decision):[none]));show('decisions-box',true)
    }else show('decisions-box',false)
  }catch(e){if(e instanceof Closed){closed();wait=0}else gone()}
  if(wait)timer=setTimeout(turn,wait)}
document.getElementById('token-form').addEventListener('submit',enter);
turn();
"""

BODY = """
<main><header id="head"><h1>Powerwarden</h1></header>
<section id="token-box" hidden><h2>Token</h2><form id="token-form" class="row">
<input id="token" type="password" autocomplete="off" aria-label="Token"><button>Look</button></form></section>
<section id="wrongs-box" hidden><h2>What is wrong</h2><div id="wrongs" class="grid"></div></section>
<section id="fine-box" hidden><span class="good">Nothing is wrong.</span></section>
<section id="targets-box" hidden><h2>What it does, and what may be asked</h2>
<div id="targets" class="grid"></div></section>
<section id="decisions-box" hidden><h2>Who asked for what, and got what</h2><div id="decisions"></div></section>
<section id="devices-box" hidden><h2>Devices</h2><div id="devices" class="grid"></div></section>
<section id="buses-box" hidden><h2>Buses</h2><div id="buses"></div></section>
<section id="events-box" hidden><h2>Last events</h2><div id="events"></div></section>
<noscript>This page needs its script; the same facts are at /v1/state.</noscript></main>
"""

HTML = (
    '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Powerwarden</title>'
    '<meta name="viewport" content="width=device-width,initial-scale=1"><link rel="icon" href="data:,">'
    f"<style>{STYLE}</style></head><body>{BODY}<script>{SCRIPT}</script></body></html>"
)


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


POLICY = (
    f"default-src 'none'; script-src {_hash(SCRIPT)}; style-src {_hash(STYLE)}; connect-src 'self'; img-src data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
