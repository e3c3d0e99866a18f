"""The official galleries of SYSU-MM01, which are in a MATLAB file."""
