"""The official galleries of SYSU-MM01, stored in a MATLAB file."""
