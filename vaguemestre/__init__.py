"""Vaguemestre: from one YAML file and bare Debian hosts to a verified MSSanté operator."""

from importlib.metadata import version

__version__ = version("vaguemestre")
