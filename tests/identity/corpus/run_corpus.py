"""Runs adapters over the corpus.  python run_corpus.py [--adapter file.py:func ...] [--case PAT] [--json OUT]
An adapter is a function  ident(fn, ctx) -> str | bytes  (raise = unsupported); ctx = {"workdir", "module"}.
Every (case, side, adapter) runs in its own forked child, both sides at the same path; the whole run is repeated with
another PYTHONHASHSEED, and an identity that differs between the two seeds is 'unstable'."""
import argparse, asyncio, fnmatch, gc, importlib, importlib.util, inspect, json, os, pathlib, shutil, subprocess, sys, tempfile, types, warnings
ROOT = pathlib.Path(__file__).parent
CORPUS = ROOT / os.environ.get("CONSIST_TEST_CORPUS", "corpus")   # or "own": the pairs of this project
SEEDS = "0", "7"                             # what the functions return is looked at under the first only

def load_adapter(spec):
    path, _, name = spec.partition(":")
    s = importlib.util.spec_from_file_location("adapter_" + pathlib.Path(path).stem + "_" + name, path)
    m = importlib.util.module_from_spec(s); s.loader.exec_module(m)
    return getattr(m, name)

def load_entry(work, verdict, side):
    os.environ.update(side.get("env", {}))
    sys.dont_write_bytecode = True
    os.chdir(work)
    sp = os.path.join(work, "site-packages")
    sys.path[:0] = [str(work)] + ([sp] if os.path.isdir(sp) else [])
    importlib.invalidate_caches()
    mode = side.get("mode", verdict["mode"]); modname, expr = verdict["entry"].split(":")
    if mode == "import":
        mod = importlib.import_module(modname)
    else:
        f = os.path.join(work, modname + ".py"); src = open(f).read()
        mod = types.ModuleType("__main__"); sys.modules["__main__"] = mod
        if mode == "main": mod.__file__ = f
        exec(compile(src, f if mode == "main" else "<stdin>", "exec"), mod.__dict__)
    fn = eval(expr, dict(vars(mod)))
    if "post" in side:                       # edit a file on disk after the import
        p, old, new = side["post"].split("::"); q = pathlib.Path(work, p)
        assert old in q.read_text(); q.write_text(q.read_text().replace(old, new))
    return fn, mod

def child(task, fn_ident):
    r, w = os.pipe(); pid = os.fork()
    if pid:
        os.close(w); data = b""
        while chunk := os.read(r, 65536): data += chunk
        os.close(r); os.waitpid(pid, 0)
        return json.loads(data or b'{"err": "died"}')
    try:
        warnings.simplefilter("ignore")
        fn, mod = load_entry(*task)
        if fn_ident is None:                 # ground truth: the result itself
            v = fn(*task[1]["args"])
            if inspect.iscoroutine(v): v = asyncio.run(v)
            if inspect.isgenerator(v): v = list(v)
            out = {"id": repr(v)}
        else:
            x = fn_ident(fn, {"workdir": task[0], "module": mod})
            out = {"id": x.hex() if isinstance(x, bytes) else str(x)}
    except BaseException as e:
        out = {"err": f"{type(e).__name__}: {e}"[:300]}
    os.write(w, json.dumps(out).encode()); os._exit(0)

def needs_pandas(case):
    return any("pandas" in p.read_text() for p in case.rglob("*.py"))

def serve(specs, pat, out, work):
    for m in ("numpy", "importlib.metadata", "asyncio", "dataclasses", "enum"):
        try: importlib.import_module(m)
        except ImportError: pass
    truth = not os.environ.get("CONSIST_TEST_NO_TRUTH") and os.environ["PYTHONHASHSEED"] == SEEDS[0]
    idents = {**({"truth": None} if truth else {}), **{s: load_adapter(s) for s in specs}}
    gc.collect(); gc.freeze()                # so that no child copies our pages only to look for garbage in them
    res = {}
    for d in sorted(CORPUS.iterdir(), key=lambda d: (needs_pandas(d), d.name)):
        if needs_pandas(d): importlib.import_module("pandas")   # last: with it, a fork takes ten times as long
        if not fnmatch.fnmatch(d.name, pat): continue
        v = json.loads((d / "verdict.json").read_text()); res[d.name] = {}
        for name, ident in idents.items():
            row = res[d.name][name] = []
            for side in ("before", "after"):
                shutil.rmtree(work, ignore_errors=True); shutil.copytree(d / side, work)
                sj = d / side / "side.json"
                row.append(child((work, v, json.loads(sj.read_text()) if sj.exists() else {}), ident))
    pathlib.Path(out).write_text(json.dumps(res))

def main():
    ap = argparse.ArgumentParser(); ap.add_argument("--adapter", action="append", default=[]); ap.add_argument("--case", default="*")
    ap.add_argument("--json", default=""); ap.add_argument("--serve", default=""); ap.add_argument("--work", default=""); ap.add_argument("-v", action="store_true"); a = ap.parse_args()
    if a.serve: return serve(a.adapter, a.case, a.serve, a.work)
    runs, work = [], os.path.join(tempfile.mkdtemp(prefix="codeid_"), "w")   # one path for both sides and both seeds
    for seed in SEEDS:
        o = tempfile.mktemp()
        subprocess.run([sys.executable, __file__, "--serve", o, "--work", work, "--case", a.case] + [x for s in a.adapter for x in ("--adapter", s)],
                       env={**os.environ, "PYTHONHASHSEED": seed}, check=True)
        runs.append(json.loads(pathlib.Path(o).read_text()))
    tab = {}
    for c in runs[0]:
        v = json.loads((CORPUS / c / "verdict.json").read_text())
        for s in runs[0][c]:
            (b0, a0), (b1, a1) = runs[0][c][s], runs[1][c].get(s, (None, None))
            if s == "truth":
                if b0.get("id") is None or a0.get("id") is None: print("BROKEN CASE", c, b0, a0)
                elif v["level"] != "either" and v["truth"] and (b0["id"] == a0["id"]) != (v["expect"] == "same"):
                    if "dict_" not in c: print("LABEL DISAGREES WITH RESULT", c, b0, a0)
                continue
            if "err" in b0 or "err" in a0: verdict = "error"
            elif b0 != b1 or a0 != a1: verdict = "unstable"
            else: verdict = "same" if b0["id"] == a0["id"] else "different"
            ok = verdict == v["expect"] or (v["level"] == "either" and verdict in ("same", "different"))
            bad = "" if ok else "error" if verdict == "error" else "unstable" if verdict == "unstable" else \
                  "STALE" if v["expect"] == "different" else "miss"
            tab.setdefault(s, {})[c] = dict(verdict=verdict, bad=bad, level=v["level"], expect=v["expect"], err=b0.get("err") or a0.get("err"))
    for s, rows in tab.items():
        n = {k: sum(r["bad"] == k for r in rows.values()) for k in ("STALE", "miss", "unstable", "error")}
        hole = sum(r["bad"] == "STALE" and r["level"] == "hole" for r in rows.values())
        print(f"{s:42} right {sum(not r['bad'] for r in rows.values()):3}/{len(rows)}  stale {n['STALE']} ({hole} in documented holes)  unneeded miss {n['miss']}  unstable {n['unstable']}  error {n['error']}")
        if a.v:
            for c, r in rows.items():
                if r["bad"]: print("   ", c, r["bad"], r["level"], r["err"] or "")
    if a.json: pathlib.Path(a.json).write_text(json.dumps(tab, indent=1))
if __name__ == "__main__": main()
