"""The benchmark suite: how fast, beside the machine's floor and beside the peers.

Run:  python -m benchmarks [--only NAME[/PART],...] [--json FILE] [--smoke] [--seconds S]
                           [--seeds 0,1,2] [--full] [--list]
      python -m benchmarks page FILE.json [-o docs/measurements/performance.md]

Each measurement is a module of benchmarks/speed/; ours and the peers run in turn in one process,
or in subprocesses where memory and start-up are what is measured. Peers run where they can be
imported: ``pip install 'autoencodes[ode,peers]'``, torch from its CPU builds before.

Results are merged into FILE part by part, as soon as each is there: what ``--only`` leaves out, and
what an interruption (Ctrl-C) comes before, stays as it was. With each part stand the machine, the
versions, when, for how long, and the load before and after. ``page`` writes the page from the file;
no figure in it is typed.
"""

from benchmarks.speed.conduct import main

if __name__ == "__main__":
    main()
