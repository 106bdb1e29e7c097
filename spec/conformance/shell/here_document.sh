cat <<END
$HOME
$(echo inner)
END
