"""Stages: fetch what is missing, compute it outside any transaction, insert it in one."""
