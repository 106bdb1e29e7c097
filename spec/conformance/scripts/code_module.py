import code
console = code.InteractiveInterpreter()
console.runsource("1/0")
print("after")
