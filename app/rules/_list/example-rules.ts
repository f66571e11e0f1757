/** Example rule set that the editor offers. */
export const exampleRules = `name: first-rules
defaults:
  ingress: allow
  egress: allow
rules:
  # The lower priority is asked first; among equals, the earlier rule.
  - name: web-from-node
    direction: ingress
    subject: { selector: { matchLabels: { app: web } } }
    peers:
      - cidr: 10.42.0.0/16
    protocol: tcp
    ports:
      - { from: 8080 }
    action: allow
    priority: 100
  - name: no-telnet
    direction: egress
    subject: { all: true }
    protocol: tcp
    ports:
      - { from: 23 }
    action: deny
`;
