class Node:
    def __init__(self, n):
        self.n, self.next = n, None
nodes = [Node(i) for i in range(100000)]
for a, b in zip(nodes, nodes[1:]):
    a.next = b
print(sum(n.n for n in nodes))
