; Headings, as the sections that they open

(section . (atx_heading heading_content: (inline) @name)) @definition.section
(section . (setext_heading heading_content: (paragraph) @name)) @definition.section
(setext_heading heading_content: (paragraph) @name) @definition.section
((link_reference_definition (link_label) @name) @definition.label
  (#set! trim "[]"))
