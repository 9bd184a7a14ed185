(function () {
  'use strict';
  const content = JSON.parse(document.getElementById('content').textContent);
  const make = (tag, name, text, into) => {
    const element = document.createElement(tag);
    if (name) element.className = name;
    if (text) element.textContent = text;
    if (into) into.append(element);
    return element;
  };
  const map = L.map('map', {attributionControl: false, zoomSnap: .25, preferCanvas: true, maxZoom: 22});
  L.control.scale({imperial: false}).addTo(map);
  const layers = content.layers.map(one => L.imageOverlay(one.picture, content.bounds, {opacity: .95, alt: one.title}));
  const veil = content.veil ? L.imageOverlay(content.veil, content.bounds, {opacity: .85, alt: 'outside of the area of applicability', zIndex: 5}) : null;

  const titled = (layer, text, sticky) => { const box = make('div', '', text); box.style.whiteSpace = 'pre'; return layer.bindTooltip(box, {sticky}); };
  const samples = L.layerGroup(content.samples.map(one => titled(
    L.circleMarker([one.lat, one.lon], {radius: 4.5, weight: 1.2, color: '#17211c', fillColor: '#fff', fillOpacity: .9}), one.text)));
  const outlines = content.outlines ? L.geoJSON(content.outlines, {
    style: {color: '#17211c', weight: 1.4, fill: true, fillOpacity: 0, bubblingMouseEvents: true},
    onEachFeature: (feature, layer) => { if (feature.properties && feature.properties.text) titled(layer, feature.properties.text, true).on('click', () => setTimeout(() => layer.closeTooltip())); }
  }) : null;

  let shown = 0, opacity = .95;
  const legend = make('div', '');
  const write = one => {
    legend.replaceChildren();
    make('div', 'head', one.title, legend);
    if (one.kind === 'continuous') {
      make('div', 'ramp', '', legend).style.background = 'linear-gradient(to right, ' + one.legend.map(entry => entry[0]).join(', ') + ')';
      const ends = make('div', 'ends', '', legend);
      make('span', '', one.legend[0][1], ends);
      make('span', '', one.legend[one.legend.length - 1][1], ends);
    } else for (const [colour, text] of one.legend) {
      const row = make('div', 'row', '', legend);
      make('span', 'swatch', '', row).style.background = colour;
      make('span', '', text, row);
    }
  };
  const show = number => {
    layers.forEach((layer, i) => i === number ? layer.addTo(map) : layer.remove());
    layers[number].setOpacity(opacity);
    if (veil && map.hasLayer(veil)) veil.bringToFront();
    shown = number;
    write(content.layers[number]);
  };
  const panel = L.control({position: 'topright'});
  panel.onAdd = () => {
    const box = make('details', 'panel');
    box.open = map.getSize().x > 640;
    make('summary', '', 'Layers and legend', box);
    L.DomEvent.disableClickPropagation(box);
    L.DomEvent.disableScrollPropagation(box);
    const choice = (type, text, checked, act) => {
      const label = make('label', '', '', box), input = make('input', '', '', label);
      input.type = type; input.name = type === 'radio' ? 'layer' : text; input.checked = checked; input.onchange = () => act(input.checked);
      label.append(text);
    };
    content.layers.forEach((one, i) => choice('radio', one.title, i === 0, () => show(i)));
    const label = make('label', '', 'Opacity', box), slider = make('input', '', '', label);
    slider.type = 'range'; slider.min = 0; slider.max = 1; slider.step = .05; slider.value = opacity;
    slider.setAttribute('aria-label', 'Opacity of the layer');
    slider.oninput = () => { opacity = +slider.value; layers[shown].setOpacity(opacity); };
    const toggle = (text, layer, on) => { if (on) layer.addTo(map); choice('checkbox', text, on, wanted => wanted ? layer.addTo(map) : layer.remove()); };
    make('hr', '', '', box);
    if (veil) toggle('Striped: outside of the area of applicability', veil, true);
    if (content.samples.length) toggle('Samples', samples, false);
    if (outlines) toggle('Fields', outlines, true);
    box.append(legend);
    for (const note of content.notes) make('p', '', note, box);
    return box;
  };
  panel.addTo(map);
  if (layers.length) show(0);
  map.fitBounds(content.bounds, {animate: false});

  const unpacked = {};
  const unpack = one => unpacked[one.key] ||= (async () => {
    const bytes = Uint8Array.from(atob(one.data), letter => letter.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('deflate'));
    return new DataView(await new Response(stream).arrayBuffer());
  })();
  const pixelOf = place => {
    const metres = L.CRS.EPSG3857.project(place), frame = content.frame;
    const column = Math.floor((metres.x - frame.left) / frame.pixel), row = Math.floor((frame.top - metres.y) / frame.pixel);
    return column >= 0 && column < frame.columns && row >= 0 && row < frame.rows ? row * frame.columns + column : -1;
  };
  const valueAt = async (one, pixel) => {
    const number = (await unpack(one)).getUint16(2 * pixel, true);
    return number === 0 ? null : one.low + (number - 1) * one.step;
  };
  const said = (one, value) => one.labels ? one.labels[Math.round(value)] || '' : one.percent ? Math.round(100 * value) + ' %' :
    (Math.abs(value) >= 1000 ? value.toFixed(0) : +value.toPrecision(3)) + (one.unit ? ' ' + one.unit : '');
  const isInside = (place, ring) => {
    let inside = false;
    for (let i = 0, j = ring.length - 1; i < ring.length; j = i++) {
      const [x, y] = ring[i], [u, v] = ring[j];
      if ((y > place.lat) !== (v > place.lat) && place.lng < (u - x) * (place.lat - y) / (v - y) + x) inside = !inside;
    }
    return inside;
  };
  const fieldsAt = place => !outlines || !map.hasLayer(outlines) ? [] : content.outlines.features.filter(({geometry}) =>
    (geometry.type === 'Polygon' ? [geometry.coordinates] : geometry.coordinates).some(rings =>
      rings.reduce((inside, ring) => inside !== isInside(place, ring), false)));
  const tell = async latlng => {
    const place = latlng.wrap(), box = make('div', 'told'), pixel = pixelOf(place);
    make('div', 'place', place.lat.toFixed(5) + '°, ' + place.lng.toFixed(5) + '°', box);
    const popup = L.popup({maxWidth: 290}).setLatLng(latlng).setContent(box).openOn(map);
    const values = {};
    try {
      if (pixel >= 0) for (const one of content.told) values[one.key] = await valueAt(one, pixel);
    } catch (error) {
      make('div', '', 'This browser is too old to unpack the values; the legend still tells them by colour.', box);
    }
    const line = (text, value) => { const row = make('div', '', text + ': ', box); make('b', '', value, row); };
    for (const one of content.told) {
      const value = values[one.key];
      if (value === null || value === undefined || one.key === 'upper' || one.key === 'aoa') continue;
      if (one.key === 'lower') {
        const upper = content.told.find(other => other.key === 'upper');
        line(one.title.replace('Lower bound of the ', '').replace(/^./, letter => letter.toUpperCase()),
          said(one, value) + ' to ' + (upper && values.upper !== null && values.upper !== undefined ? said(upper, values.upper) : 'unbounded'));
      } else line(one.title, said(one, value));
    }
    if (values.aoa === 0) make('div', 'warn', 'Outside of the area of applicability: do not rely on it here.', box);
    if (values.aoa === 1) make('div', '', 'Inside the area of applicability.', box);
    if (!Object.values(values).some(value => value !== null)) box.append('Nothing is mapped here.');
    for (const one of fieldsAt(place)) make('div', 'field', one.properties.text, box);
    popup.update();
  };
  map.on('click', event => tell(event.latlng));
  map.getContainer().addEventListener('keydown', event => { if (event.key === 'Enter' && event.target === map.getContainer()) tell(map.getCenter()); });
})();
