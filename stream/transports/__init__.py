"""Transports: what carries records between agents, behind one behaviour."""
