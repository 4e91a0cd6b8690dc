"""The published contract: schemas, samples and pages, generated from `shared.contracts`."""
