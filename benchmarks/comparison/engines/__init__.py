"""The engines that are compared, one file each, behind the interface of `interface.py`."""
