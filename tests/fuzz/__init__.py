"""Fuzzing of everything that reads what strangers wrote: `script/fuzz [COUNT] [NAME...]`.

A fuzzer is a module here that offers `FUZZER`, and is named in `fuzzers.py`. It makes cases as bytes, out of its seeds
(`seeds/NAME/`, kept in the repository) and chance, and checks each: an exception other than the documented ones, a
wrong accept, or a case of more than ten seconds is a find. A find is written to `seeds/NAME/find-*`, where, once
mended, it stays and is checked by the ordinary tests (`tests/unit/test_fuzz_seeds.py`).
"""
