"""Workbooks in XLSX, XLSB, XLS and OpenDocument: a heading for each sheet, with its cells as tables below."""
