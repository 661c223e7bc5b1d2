"""The benchmark of `script/bench`: what the kit costs, as ratios to what it stands on and what it replaces."""
