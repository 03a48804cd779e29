"""The public contracts of Tierline: what goes over the wire and into files."""
