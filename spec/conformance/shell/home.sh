cd; pwd; echo ~
