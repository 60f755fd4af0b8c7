"""Workbooks of every kind: XLSX, XLSB, XLS and OpenDocument. A heading for each sheet, its cells as tables below it."""
