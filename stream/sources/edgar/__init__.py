"""SEC EDGAR: lists of filings as published, as signals of companies whose domain is known."""
