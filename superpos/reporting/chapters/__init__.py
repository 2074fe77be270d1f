"""The chapters of a study's page: a module each, found by the register of `superpos.reporting.sections`."""
