"""Pictures of the course: block maps and their recordings, animations, a stepper for notebooks, and charts.

`snapshot`, `snapshot_file`, `recorder` and `sentences` say what is drawn and need no matplotlib. The others draw. Each
of their `draw_…` functions returns a matplotlib `Figure`, with dark ink on white paper in any theme, and changes no
global setting. Only `stepper` and `sizing_calculator` need ipywidgets, and do without when it is missing.

    snapshots = record_trace(trace, SchedulerConfig(num_blocks=13, block_size=4, max_num_seqs=4))
    draw_block_map(snapshots[3])
    show_steps(snapshots)
    show_sizing("Llama-3.1-8B-Instruct", device_memory="80GiB")  # sizing_calculator: how much fits, with controls
"""
