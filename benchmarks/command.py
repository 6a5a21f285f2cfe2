import argparse
from benchmarks import candidates, peers
from benchmarks.candidates import Candidate
from benchmarks.relay_candidate import relay
from benchmarks.rounds import measure
from benchmarks.scenarios import BY_NAME
ALL = (
  Candidate("bare","",str,candidates.bare,is_floor=True),
  Candidate("nginx","",str,candidates.nginx),
  Candidate("envoy","",str,candidates.envoy),
  Candidate("relay","",str,relay),
  Candidate("ferrogw","",str,candidates.ferrogw),
  Candidate("portkey","",str,candidates.portkey),
  Candidate("litellm","",str,candidates.litellm),
)
def main():
    p=argparse.ArgumentParser()
    p.add_argument("--only",default="")
    p.add_argument("--scenario",default="small")
    p.add_argument("--rounds",type=int,default=1)
    o=p.parse_args()
    names=o.only.split(",") if o.only else [c.name for c in ALL]
    r=measure([c for c in ALL if c.name in names],[BY_NAME[s] for s in o.scenario.split(",")],rounds=o.rounds)
    print(r.missing)
