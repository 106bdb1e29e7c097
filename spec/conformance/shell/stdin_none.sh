cat; echo end; read x; echo $?
