"""Vaguemestre: from one YAML file and bare Debian hosts to a verified MSSanté operator."""
